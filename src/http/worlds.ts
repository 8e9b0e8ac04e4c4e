import type { ProjectId } from '../../protocol/ids.ts'
import { type Mode, project } from '../domain/project.ts'
import { projectStream } from '../store/streams.ts'
import type { World } from './api-key-views.ts'
import type { HttpDeps } from './ports.ts'
import { notFound } from './problems.ts'

/** Both worlds of the project that either of its ids names, the named one first. */
export const worldsOf = async (
  { ledger }: Pick<HttpDeps, 'ledger'>,
  id: ProjectId,
): Promise<readonly [World, World]> => {
  const { state } = await ledger.read(projectStream(id), project)
  if (state.status === 'unknown') throw notFound('Lapel-Project')
  const other: Mode = state.mode === 'live' ? 'test' : 'live'
  return [
    { project: id, mode: state.mode },
    { project: state.twin, mode: other },
  ]
}

import { parseId } from '../../../../protocol/ids.ts'
import type { ProjectCall } from '../../call.ts'
import type { HttpDeps } from '../../ports.ts'
import { recordingOfFold } from '../../recording-views.ts'
import { settle } from '../../settle.ts'
import { type Present, readPresent } from '../../use-cases/recordings.ts'

/** The recording that `{id}` names, from its stream. Throws 404, or 403 for a device whose it is not. */
export const presentIn = (deps: Pick<HttpDeps, 'ledger'>, call: ProjectCall): Promise<Present> =>
  readPresent(deps, call, parseId('rec_', call.params['id']))

/** A reply with the recording as a write left it, once it can be read. */
export const showPresent = async (
  deps: HttpDeps,
  call: ProjectCall,
  { state, revision, position }: Present,
) => {
  await settle(deps, position)
  const body = await recordingOfFold(deps, call.project, state)
  return { body, position, resource: { revision, representation: body } }
}

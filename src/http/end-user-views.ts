import type { EndUserRow } from '../../projections/tables.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import { openAll } from '../store/seal.ts'
import type { HttpDeps } from './ports.ts'
import type { KnownEndUser } from './use-cases/create-end-user.ts'

/** An end user as its row tells it (`endUserReply`). */
export const endUserOfRow = (row: EndUserRow): object => ({
  id: row.id,
  project_id: row.project_id,
  external_id: row.external_id,
  email: row.email,
  name: row.name,
  metadata: row.metadata,
  created_at: row.created_at,
  updated_at: row.updated_at,
})

/** The same as its stream tells it; what is sealed is `null` while its key cannot be had. */
export const endUserOfFold = async (
  { vault }: Pick<HttpDeps, 'vault'>,
  project: ProjectId,
  person: KnownEndUser,
): Promise<object> => {
  const key = await vault.keyOf(person.endUserId).catch(() => undefined)
  const opened = key ? openAll(person.sealed, key) : {}
  return {
    id: person.endUserId,
    project_id: project,
    external_id: opened['external_id'] ?? null,
    email: opened['email'] ?? null,
    name: opened['name'] ?? null,
    metadata: opened['metadata'] ?? {},
    created_at: person.createdAt,
    updated_at: person.updatedAt,
  }
}

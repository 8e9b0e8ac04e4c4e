import type { ApiKeyRow } from '../../projections/tables.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import type { Mode } from '../domain/project.ts'
import { open } from '../store/seal.ts'
import type { HttpDeps } from './ports.ts'
import type { KnownKey } from './use-cases/api-keys.ts'

/** The world that a key is of. */
export type World = { readonly project: ProjectId; readonly mode: Mode }

/** A key as its row tells it (`apiKeyReply`); the secret is nowhere to be had. */
export const keyOfRow = (row: ApiKeyRow, mode: Mode): object => ({
  id: row.id,
  kind: row.kind,
  mode,
  project_id: row.project_id,
  status: row.revoked ? 'revoked' : 'active',
  name: row.name,
  scopes: row.scopes,
  hint: row.hint,
  last_used_at: null,
  created_at: row.created_at,
})

/** The same as its stream tells it. */
export const keyOfFold = async (
  { vault }: Pick<HttpDeps, 'vault'>,
  { project, mode }: World,
  key: KnownKey,
): Promise<object> => {
  const opener = await vault.keyOf(key.keyId).catch(() => undefined)
  const opened = opener && open(key.sealed, opener)
  return {
    id: key.keyId,
    kind: key.kind,
    mode,
    project_id: project,
    status: key.status,
    name: opened?.['name'] ?? null,
    scopes: key.scopes,
    hint: key.current.hint,
    last_used_at: null,
    created_at: key.createdAt,
  }
}

import type { ApiKeyRow } from '../../projections/tables.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import type { ApiKey } from '../domain/api-key.ts'
import type { Mode } from '../domain/project.ts'
import { open } from '../store/seal.ts'
import type { Reply } from './call.ts'
import { lastUses } from './key-use.ts'
import type { HttpDeps } from './ports.ts'
import { settle } from './settle.ts'
import type { KnownKey } from './use-cases/api-keys.ts'
import type { Written } from './use-cases/written.ts'

type Uses = ReadonlyMap<string, Instant>

/** The world that a key is of. */
export type World = { readonly project: ProjectId; readonly mode: Mode }

/** A key as its row tells it (`apiKeyReply`); the secret is nowhere to be had. */
export const keyOfRow = (row: ApiKeyRow, mode: Mode, uses: Uses): object => ({
  id: row.id,
  kind: row.kind,
  mode,
  project_id: row.project_id,
  status: row.revoked ? 'revoked' : 'active',
  name: row.name,
  scopes: row.scopes,
  hint: row.hint,
  last_used_at: uses.get(row.id) ?? null,
  created_at: row.created_at,
})

/** The same as its stream tells it. What cannot be had now is `null`. */
const keyOfFold = async (
  { vault, shared }: Pick<HttpDeps, 'vault' | 'shared'>,
  { project, mode }: World,
  key: KnownKey,
): Promise<object> => {
  const opener = await vault.keyOf(key.keyId).catch(() => undefined)
  const opened = opener && open(key.sealed, opener)
  const uses = await lastUses(shared, [key.keyId]).catch((): Uses => new Map())
  return {
    id: key.keyId,
    kind: key.kind,
    mode,
    project_id: project,
    status: key.status,
    name: opened?.['name'] ?? null,
    scopes: key.scopes,
    hint: key.current.hint,
    last_used_at: uses.get(key.keyId) ?? null,
    created_at: key.createdAt,
  }
}

/** A key after a write, which is never refused any more. */
export const shownKey = async (
  deps: HttpDeps,
  world: World,
  { state, revision, position }: Written<ApiKey>,
): Promise<Reply> => {
  if (state.status === 'unknown') throw new Error('an unknown key was written to')
  await settle(deps, position)
  const body = await keyOfFold(deps, world, state)
  return { status: 200, body, position, resource: { revision, representation: body } }
}

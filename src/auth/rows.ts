import type { Kysely } from 'kysely'
import { type ApiKeyView, readApiKey } from '../../projections/api-keys.ts'
import type { Tables } from '../../projections/tables.ts'
import { readTokens, type TokenView } from '../../projections/tokens.ts'
import type {
  ApiKeyId,
  BindingId,
  DeviceId,
  EndUserId,
  ProjectId,
  TokenId,
} from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import { readGatherMs, tokenReadsMax, tokensPerReadMax } from '../../protocol/limits.ts'
import { spareConnectionsMax } from '../../protocol/limits-postgres.ts'
import { gathered } from '../store/gathered.ts'
import type { Pool, ReadCredential } from './address-gate.ts'
import { type CredentialId, modeIn } from './overlay.ts'
import { type KeyTruth, secretOf, type TokenTruth } from './truth.ts'

/** The projections that the rows come from: what is followed begins where all of them stand. */
export const credentialProjections = ['tokens', 'devices', 'api_keys', 'projects'] as const

// The tables hold what the events held, whose ids were checked when they were read.
const tokenTruth = (row: TokenView): TokenTruth => ({
  kind: 'token',
  tokenId: row.id as TokenId,
  project: row.project_id as ProjectId,
  deviceId: row.device_id as DeviceId,
  binding:
    row.binding_id === null || row.end_user_id === null
      ? null
      : { bindingId: row.binding_id as BindingId, endUserId: row.end_user_id as EndUserId },
  secret: secretOf(row),
  state: row.state === 'revoked' ? 'dead' : row.state,
  validUntil: row.valid_until as Instant | null,
})

const oldSecret = (row: ApiKeyView): KeyTruth['old'] =>
  row.old_hmac === null || row.old_pepper_kid === null || row.old_valid_until === null
    ? null
    : {
        hmac: row.old_hmac,
        pepperKid: row.old_pepper_kid,
        validUntil: row.old_valid_until as Instant,
      }

const keyTruth = (row: ApiKeyView): KeyTruth => ({
  kind: 'key',
  keyId: row.id as ApiKeyId,
  project: row.project_id as ProjectId,
  mode: row.mode ?? modeIn(row.hint),
  keyKind: row.kind,
  scopes: row.scopes,
  state: row.revoked ? 'dead' : 'live',
  secret: secretOf(row),
  old: oldSecret(row),
})

const isKeyId = (id: CredentialId): id is ApiKeyId => id.startsWith('key_')

/** Reads one credential with the checkpoint that its row stands for. */
export const createReader = (pools: {
  readonly main: Kysely<Tables>
  readonly spare: Kysely<Tables>
}): ReadCredential => {
  // A fleet that comes back asks for thousands at once.
  const tokensOf = (pool: Pool, readsMax: number) =>
    gathered((ids: readonly string[]) => readTokens(pools[pool], ids), {
      readsMax,
      keysMax: tokensPerReadMax,
      gapMs: readGatherMs,
    })
  const tokens = {
    main: tokensOf('main', tokenReadsMax),
    spare: tokensOf('spare', spareConnectionsMax),
  }
  return async (id, pool) => {
    if (isKeyId(id)) {
      const { row, checkpoint } = await readApiKey(pools[pool], id)
      return { id, truth: row && keyTruth(row), checkpoint }
    }
    const { row, checkpoint } = (await tokens[pool](id)) ?? {}
    return { id, truth: row && tokenTruth(row), checkpoint }
  }
}

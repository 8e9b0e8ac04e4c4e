import { type ApiKeyId, newId, parseId } from '../../../protocol/ids.ts'
import type { CreateKeyBody, RotateKeyBody } from '../../../protocol/requests.ts'
import { scopes } from '../../../protocol/scopes.ts'
import type { TokenPrefix } from '../../../protocol/tokens.ts'
import { type ApiKey, apiKey, create, revoke, rotate } from '../../domain/api-key.ts'
import type { Refusal } from '../../domain/decision.ts'
import { type Mode, project } from '../../domain/project.ts'
import { derivedIdOf, projectKey } from '../../store/keyed.ts'
import { seal } from '../../store/seal.ts'
import { apiKeyStream, projectStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { onlyIfMatch } from './if-match.ts'
import { newKeySecret } from './new-token.ts'
import { type Written, writtenOf } from './written.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'secrets' | 'random'>
export type KnownKey = Exclude<ApiKey, { status: 'unknown' }>

type Ended =
  | { readonly kind: 'idempotency-mismatch' }
  | Refusal<'unknown-key' | 'revoked' | 'changed'>

export type CreateKeyOutcome =
  /** `key` in clear leaves in this one reply. */
  | ({ readonly kind: 'created'; readonly key: string } & Written<ApiKey>)
  | ({ readonly kind: 'replayed' } & Written<ApiKey>)
  | { readonly kind: 'idempotency-mismatch' }

export type RotateKeyOutcome =
  | ({ readonly kind: 'rotated'; readonly key: string } & Written<ApiKey>)
  | ({ readonly kind: 'replayed' } & Written<ApiKey>)
  | Ended

export type RevokeKeyOutcome =
  | ({ readonly kind: 'revoked' | 'already-revoked' } & Written<ApiKey>)
  | Refusal<'unknown-key' | 'changed'>

const prefixOf = (kind: KnownKey['kind'], mode: Mode): TokenPrefix =>
  `${kind === 'secret' ? 'sk' : 'rk'}_${mode}`

const modeOf = async ({ ledger }: Deps, id: Command<unknown>['by']['project']): Promise<Mode> => {
  const { state } = await ledger.read(projectStream(id), project)
  if (state.status === 'unknown') throw new Error('a key is made in a project that does not exist')
  return state.mode
}

const publicPart = (id: ApiKeyId): string => id.slice('key_'.length)

/** A key of the project world in `by`: with `scopes` restricted to them, otherwise with all. Throws as `transact` and the vault do. */
export const createKey =
  (deps: Deps) =>
  async ({ by, idempotencyKey, body }: Command<CreateKeyBody>): Promise<CreateKeyOutcome> => {
    const { ledger, vault, secrets, random } = deps
    const keyId =
      idempotencyKey === undefined
        ? newId('key_', random)
        : derivedIdOf(projectKey(secrets, by.project), 'key_', idempotencyKey)
    const kind = body.scopes ? 'restricted' : 'secret'
    const prefix = prefixOf(kind, await modeOf(deps, by.project))
    const { text, secret } = newKeySecret(deps, prefix, publicPart(keyId))
    const sealed = seal({ name: body.name }, await vault.keyFor(by.project, keyId), random)
    const args = { keyId, kind, scopes: body.scopes ?? scopes, secret, sealed } as const
    const stream = apiKeyStream(by.project, keyId)
    const done = await ledger.transact(stream, apiKey, () => create(args), by)
    if (done.kind === 'idempotency-mismatch') return done
    if (done.kind === 'replayed') return { kind: 'replayed', ...writtenOf(done) }
    // Nobody else makes this id: it is random, or follows from the Idempotency-Key that its first event bears.
    if (done.outcome.kind === 'exists') return { kind: 'idempotency-mismatch' }
    return { kind: 'created', key: text, ...writtenOf(done) }
  }

/** Another secret for the same key; the old one works on for the overlap. */
export const rotateKey =
  (deps: Deps) =>
  async (
    keyId: ApiKeyId,
    { by, body, ifMatch }: Command<RotateKeyBody>,
  ): Promise<RotateKeyOutcome> => {
    const stream = apiKeyStream(by.project, keyId)
    const known = await deps.ledger.read(stream, apiKey)
    if (known.state.status === 'unknown') return { kind: 'refused', because: 'unknown-key' }
    const prefix = prefixOf(known.state.kind, await modeOf(deps, by.project))
    const { text, secret } = newKeySecret(deps, prefix, publicPart(keyId))
    const args = { secret, overlapMs: body.overlap_seconds * 1_000 }
    const place = { stream, aggregate: apiKey, ifMatch }
    const decide = await onlyIfMatch(deps.ledger, place, (at) => rotate(args, at))
    const done = await deps.ledger.transact(stream, apiKey, decide, by)
    if (done.kind === 'idempotency-mismatch') return done
    if (done.kind === 'replayed') return { kind: 'replayed', ...writtenOf(done) }
    if (done.outcome.kind === 'refused') return done.outcome
    return { kind: 'rotated', key: text, ...writtenOf(done) }
  }

/** The end of a key. A DELETE takes no `Idempotency-Key`: asked again it finds the key revoked. */
export const revokeKey =
  ({ ledger }: Pick<HttpDeps, 'ledger'>) =>
  async (
    keyId: ApiKeyId,
    { by, ifMatch }: Pick<Command<unknown>, 'by' | 'ifMatch'>,
  ): Promise<RevokeKeyOutcome> => {
    const place = { stream: apiKeyStream(by.project, keyId), aggregate: apiKey, ifMatch }
    const decide = await onlyIfMatch(ledger, place, revoke)
    const done = await ledger.transact(place.stream, apiKey, decide, by)
    if (done.kind !== 'done') throw new Error('a revocation was met under an Idempotency-Key')
    if (done.outcome.kind === 'refused') return done.outcome
    return { kind: done.outcome.kind, ...writtenOf(done) }
  }

export const parseKeyId = (text: string | undefined): ApiKeyId | undefined => parseId('key_', text)

import { type EndUserId, newId } from '../../../protocol/ids.ts'
import { claimAttemptsMax } from '../../../protocol/limits.ts'
import type { CreateEndUserBody } from '../../../protocol/requests.ts'
import { yielding } from '../../domain/decision.ts'
import { create, type EndUser, endUser } from '../../domain/end-user.ts'
import { derivedIdOf, projectKey } from '../../store/keyed.ts'
import { Contended, type Done } from '../../store/ledger.ts'
import { seal } from '../../store/seal.ts'
import { endUserStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { claimValue } from './claimed.ts'
import { externalId } from './external-id.ts'
import type { Written } from './written.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'secrets' | 'random'>
export type KnownEndUser = Exclude<EndUser, { status: 'unknown' }>

export type CreateEndUserOutcome =
  | ({ readonly kind: 'created' | 'replayed' } & Written<KnownEndUser>)
  /** The `external_id` is another person's. */
  | { readonly kind: 'external-id-taken' }
  | { readonly kind: 'idempotency-mismatch' }

/** What the stream says of our own request; `undefined`: it is not ours, or there is none. */
const ended = (
  done: Done<EndUser, { readonly kind: string }>,
): CreateEndUserOutcome | undefined => {
  if (done.kind === 'idempotency-mismatch') return done
  if (done.state.status === 'unknown') return undefined
  const { state, revision, position } = done
  if (done.kind === 'replayed') return { kind: 'replayed', state, revision, position }
  return done.outcome.kind === 'created'
    ? { kind: 'created', state, revision, position }
    : undefined
}

const createAt = async (
  { ledger, vault, random }: Deps,
  { by, body }: Command<CreateEndUserBody>,
  endUserId: EndUserId,
): Promise<CreateEndUserOutcome | undefined> => {
  const key = await vault.keyFor(by.project, endUserId)
  const sealed = seal({ ...body, metadata: body.metadata ?? {} }, key, random)
  const stream = endUserStream(by.project, endUserId)
  return ended(await ledger.transact(stream, endUser, () => create({ endUserId, sealed }), by))
}

/** Writes nothing: whether our own request made the person. */
const look = (
  { ledger }: Deps,
  { by }: Command<unknown>,
  id: EndUserId,
): Promise<Done<EndUser, { readonly kind: 'looked' }>> =>
  ledger.transact(
    endUserStream(by.project, id),
    endUser,
    () => () => yielding({ kind: 'looked' as const }),
    by,
  )

const ownId = async (
  deps: Deps,
  command: Command<CreateEndUserBody>,
): Promise<CreateEndUserOutcome | EndUserId> => {
  const { secrets, random } = deps
  const { by, idempotencyKey } = command
  if (idempotencyKey === undefined) return newId('eu_', random)
  const id = derivedIdOf(projectKey(secrets, by.project), 'eu_', idempotencyKey)
  const done = await look(deps, command, id)
  const before = ended(done)
  if (before) return before
  // Somebody inherited the id, before anything of ours was written.
  const taken = done.kind === 'done' && done.state.status !== 'unknown'
  return taken ? newId('eu_', random) : id
}

/** One try for the id; `undefined`: somebody else made it meanwhile. */
const tryFor = async (
  deps: Deps,
  command: Command<CreateEndUserBody>,
  id: EndUserId,
): Promise<CreateEndUserOutcome | undefined> => {
  const { by, body } = command
  if (body.external_id === undefined) return createAt(deps, command, id)
  const wanted = {
    ...externalId(deps, by, body.external_id),
    id,
    own: 'pending' as const,
    prepare: (own: EndUserId) => deps.vault.keyFor(by.project, own),
  }
  const claimed = await claimValue(deps, wanted, command)
  if (claimed.kind === 'create') return createAt(deps, command, claimed.id)
  return ended(await look(deps, command, claimed.holder)) ?? { kind: 'external-id-taken' }
}

/**
 * Creates an end user, under an `external_id` that at most one person of the project has. Throws `StoreUnavailable`,
 * `VaultUnavailable`, `Contended`.
 */
export const createEndUser =
  (deps: Deps) =>
  async (command: Command<CreateEndUserBody>): Promise<CreateEndUserOutcome> => {
    let id = await ownId(deps, command)
    for (let attempt = 1; attempt <= claimAttemptsMax; attempt += 1) {
      if (typeof id !== 'string') return id
      const outcome = await tryFor(deps, command, id)
      if (outcome) return outcome
      // Whatever became of that id, it is not ours any more.
      id = newId('eu_', deps.random)
    }
    throw new Contended(`an external id changed hands ${claimAttemptsMax} times`)
  }

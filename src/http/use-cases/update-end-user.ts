import type { EndUserId } from '../../../protocol/ids.ts'
import { claimAttemptsMax } from '../../../protocol/limits.ts'
import type { UpdateEndUserBody } from '../../../protocol/requests.ts'
import type { Refusal } from '../../domain/decision.ts'
import { endUser, update } from '../../domain/end-user.ts'
import { Contended } from '../../store/ledger.ts'
import { openAll, seal } from '../../store/seal.ts'
import { endUserStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { changedMembers } from './changed-members.ts'
import { claimValue } from './claimed.ts'
import type { KnownEndUser } from './create-end-user.ts'
import { externalId, releaseExternalId } from './external-id.ts'
import { onlyOn } from './if-match.ts'
import type { Written } from './written.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'secrets' | 'random' | 'log'>

export type UpdateEndUserOutcome =
  | ({ readonly kind: 'updated' | 'unchanged' } & Written<KnownEndUser>)
  /** The `external_id` is another person's, or becomes so just now. */
  | Refusal<'unknown-end-user' | 'changed' | 'external-id-taken'>

const refused = (
  because: Extract<UpdateEndUserOutcome, { kind: 'refused' }>['because'],
): UpdateEndUserOutcome => ({ kind: 'refused', because })

/** Whether the person may have the `external_id`, which is claimed then. */
const mayHave = async (
  deps: Deps,
  { by }: Pick<Command<unknown>, 'by'>,
  { id, value }: { readonly id: EndUserId; readonly value: string },
): Promise<boolean> => {
  const wanted = {
    ...externalId(deps, by, value),
    id,
    own: 'gone' as const,
    prepare: () => Promise.resolve(),
  }
  const claimed = await claimValue(deps, wanted, { by })
  return claimed.kind === 'create' && claimed.id === id
}

const isText = (value: unknown): value is string => typeof value === 'string'

/** What was given up is given back; where that fails, whoever wants it takes it over. */
const giveBack = async (
  deps: Deps,
  { by }: Pick<Command<unknown>, 'by'>,
  { id, value }: { readonly id: EndUserId; readonly value: string },
): Promise<void> => {
  try {
    await releaseExternalId(deps, by, { id, value })
  } catch (err) {
    deps.log.warn({ err }, 'the claim of an external id was not given back')
  }
}

/** One try on the state as it is read; `undefined`: it changed meanwhile. */
const tryUpdate = async (
  deps: Deps,
  id: EndUserId,
  { by, body, ifMatch }: Command<UpdateEndUserBody>,
): Promise<UpdateEndUserOutcome | undefined> => {
  const { ledger, vault, random } = deps
  const stream = endUserStream(by.project, id)
  const seen = await ledger.read(stream, endUser)
  const { state, revision, position } = seen
  const key = state.status === 'active' ? await vault.keyOf(id) : undefined
  if (state.status !== 'active' || !key) return refused('unknown-end-user')
  if (ifMatch && !ifMatch.includes(revision)) return refused('changed')
  const person = openAll(state.sealed, key)
  const change = changedMembers(person, body)
  if (Object.keys(change).length === 0) return { kind: 'unchanged', state, revision, position }
  const { external_id: next } = change
  if (isText(next) && !(await mayHave(deps, { by }, { id, value: next })))
    return refused('external-id-taken')
  const sealed = seal(change, key, random)
  const done = await ledger.transact(stream, endUser, () => onlyOn(state, update({ sealed })), by)
  if (done.kind !== 'done' || done.outcome.kind !== 'updated' || done.state.status === 'unknown')
    return undefined
  const before = person['external_id']
  if (next !== undefined && isText(before)) await giveBack(deps, { by }, { id, value: before })
  return { kind: 'updated', state: done.state, revision: done.revision, position: done.position }
}

/**
 * Changes what was sent; `null` takes a value away. A new `external_id` is claimed before it is written, on the revision that was read
 * before it was claimed. Throws `StoreUnavailable`, `VaultUnavailable`, `Contended`.
 */
export const updateEndUser =
  (deps: Deps) =>
  async (
    id: EndUserId,
    { by: { idem: _, ...by }, ...command }: Command<UpdateEndUserBody>,
  ): Promise<UpdateEndUserOutcome> => {
    for (let attempt = 1; attempt <= claimAttemptsMax; attempt += 1) {
      const outcome = await tryUpdate(deps, id, { ...command, by })
      if (outcome) return outcome
    }
    throw new Contended(`${id} was changed by others ${claimAttemptsMax} times`)
  }

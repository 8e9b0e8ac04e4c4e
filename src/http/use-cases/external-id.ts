import { type EndUserId, parseId } from '../../../protocol/ids.ts'
import { claim, release } from '../../domain/claim.ts'
import { type EndUser, endUser, update } from '../../domain/end-user.ts'
import { claimHash, projectKey } from '../../store/keyed.ts'
import { openAll, seal } from '../../store/seal.ts'
import { claimStream, endUserStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import type { Standing } from './claimed.ts'
import { onlyOn } from './if-match.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'secrets' | 'random'>
type By = Command<unknown>['by']

const hashOf = ({ secrets }: Pick<Deps, 'secrets'>, { project }: By, value: string): string =>
  claimHash(projectKey(secrets, project), 'external_id', value)

/** The person's `external_id`, which stands in the stream sealed; `undefined` after erasure. */
const heldBy = async (
  { vault }: Pick<Deps, 'vault'>,
  id: EndUserId,
  state: EndUser,
): Promise<unknown> => {
  const key = state.status === 'active' ? await vault.keyOf(id) : undefined
  return key && state.status === 'active' ? openAll(state.sealed, key)['external_id'] : undefined
}

const standingOf =
  (deps: Deps, { project }: By, value: string) =>
  async (holder: EndUserId): Promise<Standing> => {
    const { state } = await deps.ledger.read(endUserStream(project, holder), endUser)
    if (state.status === 'unknown') return 'pending'
    return (await heldBy(deps, holder, state)) === value ? 'holds' : 'gone'
  }

/**
 * A change that is about to give the holder this very value appends at the revision that it read before it took the claim. An update
 * that changes nothing, appended before the claim is taken over, makes it look at the claim again.
 */
const fence =
  (deps: Deps, { idem: _, ...by }: By, value: string) =>
  async (holder: EndUserId): Promise<boolean> => {
    const { ledger, vault, random } = deps
    const stream = endUserStream(by.project, holder)
    const seen = await ledger.read(stream, endUser)
    if (seen.state.status !== 'active') return seen.state.status === 'erased'
    if ((await heldBy(deps, holder, seen.state)) === value) return false
    const sealed = seal({}, await vault.keyFor(by.project, holder), random)
    const done = await ledger.transact(
      stream,
      endUser,
      () => onlyOn(seen.state, update({ sealed })),
      by,
    )
    return done.kind === 'done' && done.outcome.kind === 'updated'
  }

/** What the claim of an `external_id` is about. */
export const externalId = (deps: Deps, by: By, value: string) => ({
  hash: hashOf(deps, by, value),
  parse: (holder: string) => parseId('eu_', holder),
  standingOf: standingOf(deps, by, value),
  fence: fence(deps, by, value),
})

/** Gives back the claim of a value that the person does not have any more. What is not given back is taken over by who wants it. */
export const releaseExternalId = async (
  deps: Deps,
  { idem: _, ...by }: By,
  { id, value }: { readonly id: EndUserId; readonly value: string },
): Promise<void> => {
  const stream = claimStream(by.project, hashOf(deps, by, value))
  // The claim is read first: whoever takes it again after that is seen by its count, whoever did before by the person's value.
  const { takings } = (await deps.ledger.read(stream, claim)).state
  const { state } = await deps.ledger.read(endUserStream(by.project, id), endUser)
  if ((await heldBy(deps, id, state)) === value) return
  await deps.ledger.transact(stream, claim, () => release({ id, takings }), by)
}

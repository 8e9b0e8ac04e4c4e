import { claimAttemptsMax } from '../../../protocol/limits.ts'
import { claim, type Holder, type Taking, take } from '../../domain/claim.ts'
import { Contended } from '../../store/ledger.ts'
import type { Provenance } from '../../store/record.ts'
import { claimStream, type StreamName } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'

/**
 * What a claim's holder is worth: `pending`, its stream is empty, a creation on its way; `holds`, it has that very value;
 * `gone`, it was retired, erased or has another value.
 */
export type Standing = 'pending' | 'holds' | 'gone'

export type Claimed<Id> =
  /** Create this id: our own, or one whose creation somebody began and did not end. */
  | { readonly kind: 'create'; readonly id: Id; readonly generation: number }
  | { readonly kind: 'held'; readonly holder: Id }

type Wanted<Id extends Holder> = {
  /** Keyed hash of the kind and the value. */
  readonly hash: string
  readonly id: Id
  readonly parse: (holder: Holder) => Id | undefined
  readonly standingOf: (holder: Id) => Promise<Standing>
  /** What a claim of our own is worth: `pending`, our stream answers; `gone`, it is taken anew, to be seen by whoever was about to take it over. */
  readonly own: 'pending' | 'gone'
  /** Called before a claim is taken over: false where its holder may be about to have the value after all. */
  readonly fence?: (holder: Id) => Promise<boolean>
  /** Done before the claim is taken: what may fail, fails with nothing written. */
  readonly prepare: (id: Id) => Promise<unknown>
}

type Deps = Pick<HttpDeps, 'ledger'>

type Seen<Id> = { readonly holder: Id; readonly standing: Standing; readonly takings: number }

/** Who holds the claim as it is read, if anybody does, and what that is worth. */
const seen = async <Id extends Holder>(
  { ledger }: Deps,
  stream: StreamName<'claim'>,
  { id, own, parse, standingOf }: Wanted<Id>,
): Promise<Seen<Id> | undefined> => {
  const { state } = await ledger.read(stream, claim)
  const holder = state.holder === null ? undefined : parse(state.holder)
  if (holder === undefined) return undefined
  const standing = holder === id ? own : await standingOf(holder)
  return { holder, standing, takings: state.takings }
}

const takeFor = async <Id extends Holder>(
  { ledger }: Deps,
  stream: StreamName<'claim'>,
  { id, prepare }: Wanted<Id>,
  { by: { idem, ...by }, over }: { readonly by: Provenance; readonly over?: Taking | undefined },
): Promise<Claimed<Id> | undefined> => {
  await prepare(id)
  const args = { id, over, ...(idem && { idem: idem.key }) }
  const done = await ledger.transact(stream, claim, () => take(args), by)
  const taken = done.kind === 'done' && done.outcome.kind === 'taken' ? done.outcome : undefined
  return taken && { kind: 'create', id, generation: taken.generation }
}

const tryClaim = async <Id extends Holder>(
  deps: Deps,
  stream: StreamName<'claim'>,
  wanted: Wanted<Id>,
  by: Provenance,
): Promise<Claimed<Id> | undefined> => {
  const now = await seen(deps, stream, wanted)
  if (now?.standing === 'holds') return { kind: 'held', holder: now.holder }
  if (now?.standing === 'pending')
    return { kind: 'create', id: now.holder, generation: now.takings }
  if (now && now.holder !== wanted.id && (await wanted.fence?.(now.holder)) === false)
    return undefined
  const over = now && { id: now.holder, takings: now.takings }
  return takeFor(deps, stream, wanted, { by, over })
}

/** Claims a value for an id (design, "Uniqueness is a stream"). Throws `StoreUnavailable`, `Contended`. */
export const claimValue = async <Id extends Holder>(
  deps: Deps,
  wanted: Wanted<Id>,
  { by }: Pick<Command<unknown>, 'by'>,
): Promise<Claimed<Id>> => {
  const stream = claimStream(by.project, wanted.hash)
  // What was never met here is nobody's, nearly always: an append that meets a holder says so, and a read before it is saved.
  const isNew = deps.ledger.known(stream, claim).revision < 0
  const claimed = isNew ? await takeFor(deps, stream, wanted, { by }) : undefined
  if (claimed) return claimed
  for (let attempt = 1; attempt <= claimAttemptsMax; attempt += 1) {
    const claimed = await tryClaim(deps, stream, wanted, by)
    if (claimed) return claimed
  }
  throw new Contended(`${stream}: ${claimAttemptsMax} attempts met another holder`)
}

import { setTimeout as delay } from 'node:timers/promises'
import {
  cachedCredentialsMax,
  cachedUnknownsMax,
  lookupAttemptsMax,
  unknownWaitersMax,
  unknownWaitMsMax,
} from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import type { Position } from '../store/event-store.ts'
import type { AddressGate } from './address-gate.ts'
import { within } from './bounded.ts'
import {
  bornIn,
  type CredentialEvent,
  type CredentialId,
  evolveTruth,
  type Overlay,
} from './overlay.ts'
import type { Truth } from './truth.ts'

/** What is true, up to a position: nothing at or before `asOf` says otherwise. */
export type Found = { readonly truth: Truth; readonly asOf: Position }

export type Answer<Result> =
  | { readonly kind: 'used'; readonly result: Result }
  | { readonly kind: 'unknown' | 'not-now' }

export type LookUp = {
  /**
   * Calls `use` with what is true of the credential, in the very step in which it is true, so that every later event
   * meets what `use` registered. `unknown` only after the log was followed past the moment of asking.
   */
  readonly find: <Result>(
    id: CredentialId,
    remote: string,
    use: (found: Found) => Result,
  ) => Promise<Answer<Result>>
  /** Keeps what `use` was given, for who proved to know the secret. */
  readonly remember: (id: CredentialId, found: Found) => void
  /** The next event of the log. After the overlay has it. */
  readonly follow: (event: CredentialEvent) => void
}

type Deps = {
  readonly overlay: Overlay
  readonly gate: AddressGate
  /** Resolves when a `NodeAlive` sent after this call came back on this node's subscription. */
  readonly prove: () => Promise<void>
}

const subjectOf = (truth: Truth): string => (truth.kind === 'token' ? truth.deviceId : truth.keyId)

/** Truths that were met lately; each follows the log as long as it is kept. */
const createCache = () => {
  const bySubject = new Map<string, Map<CredentialId, true>>()
  const found = createLru<CredentialId, Found>(cachedCredentialsMax, (id, { truth }) => {
    const ids = bySubject.get(subjectOf(truth))
    ids?.delete(id)
    if (ids?.size === 0) bySubject.delete(subjectOf(truth))
  })
  return {
    get: found.get,
    set: (id: CredentialId, one: Found): void => {
      const subject = subjectOf(one.truth)
      bySubject.set(subject, (bySubject.get(subject) ?? new Map()).set(id, true))
      found.set(id, one)
    },
    follow: (event: CredentialEvent): void => {
      for (const id of bySubject.get(event.subject)?.keys() ?? []) {
        const one = found.get(id)
        if (!one || event.position <= one.asOf) continue
        found.set(id, { truth: evolveTruth(one.truth, event), asOf: event.position })
      }
    },
  }
}

/** Those who wait for a credential to be born. */
const createBirthWatch = () => {
  const watchers = new Map<CredentialId, Set<() => void>>()
  return {
    watch: (id: CredentialId, onBorn: () => void): (() => void) => {
      const ofId = watchers.get(id) ?? new Set()
      watchers.set(id, ofId.add(onBorn))
      return () => {
        ofId.delete(onBorn)
        if (ofId.size === 0 && watchers.get(id) === ofId) watchers.delete(id)
      }
    },
    tell: (id: CredentialId): void => {
      for (const onBorn of watchers.get(id) ?? []) onBorn()
    },
  }
}

const retryDelayMs = 25

export const createLookUp = ({ overlay, gate, prove }: Deps): LookUp => {
  const cache = createCache()
  const unknowns = createLru<CredentialId, true>(cachedUnknownsMax)
  const births = createBirthWatch()
  let waiting = 0

  const current = (one: Found): Found =>
    one.asOf < overlay.head ? { ...one, asOf: overlay.head } : one

  /** Registered before the first wait, so that no birth after the look-up's beginning can be missed. */
  const waitForProof = async (id: CredentialId): Promise<'unknown' | 'born' | 'not-now'> => {
    if (waiting >= unknownWaitersMax) return 'not-now'
    waiting += 1
    let isBorn = false
    const born = Promise.withResolvers<void>()
    const unwatch = births.watch(id, () => {
      isBorn = true
      born.resolve()
    })
    try {
      const ended = await within(Promise.race([born.promise, prove()]), unknownWaitMsMax)
      if (isBorn) return 'born'
      if (ended === 'late') return 'not-now'
      unknowns.set(id, true)
      return 'unknown'
    } finally {
      unwatch()
      waiting -= 1
    }
  }

  const readFor = async (id: CredentialId, remote: string) => {
    const rowId = overlay.rowFor(id)
    if (rowId === undefined) return undefined
    const known = cache.get(rowId)
    if (known) return { id: rowId, truth: known.truth, checkpoint: current(known).asOf }
    return gate.read(rowId, remote)
  }

  const attempt = async <Result>(
    id: CredentialId,
    remote: string,
    use: (found: Found) => Result,
  ): Promise<Answer<Result> | 'again'> => {
    const read = await readFor(id, remote)
    if (read === 'not-now') return { kind: read }
    const resolved = overlay.resolve(id, read)
    if (resolved.kind === 'found') return { kind: 'used', result: use(resolved) }
    if (resolved.kind === 'behind') return 'again'
    const waited = await waitForProof(id)
    return waited === 'born' ? 'again' : { kind: waited }
  }

  const find: LookUp['find'] = async (id, remote, use) => {
    if (unknowns.has(id)) return { kind: 'unknown' }
    const cached = cache.get(id)
    if (cached) return { kind: 'used', result: use(current(cached)) }
    for (let count = 1; count <= lookupAttemptsMax; count += 1) {
      const answer = await attempt(id, remote, use)
      if (answer !== 'again') return answer
      if (count < lookupAttemptsMax) await delay(retryDelayMs * count)
    }
    return { kind: 'not-now' }
  }

  return {
    find,
    remember: (id, found) => cache.set(id, found),
    follow: (event) => {
      cache.follow(event)
      const born = bornIn(event)
      if (born === undefined) return
      unknowns.delete(born)
      births.tell(born)
    },
  }
}

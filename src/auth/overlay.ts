import type { ApiKeyEvent, DeviceEvent } from '../../protocol/events/lifecycle.ts'
import type { ApiKeyId, DeviceId, ProjectId, TokenId } from '../../protocol/ids.ts'
import type { Position } from '../store/event-store.ts'
import {
  type Binding,
  evolveKey,
  evolveToken,
  type KeyTruth,
  secretOf,
  type Truth,
} from './truth.ts'

/** A token id, or a key id with its prefix. */
export type CredentialId = TokenId | ApiKeyId

/** An event that changes what is true of a credential, and where it stands. */
export type CredentialEvent = { readonly position: Position; readonly project: ProjectId } & (
  | { readonly kind: 'device'; readonly subject: DeviceId; readonly event: DeviceEvent }
  | { readonly kind: 'apikey'; readonly subject: ApiKeyId; readonly event: ApiKeyEvent }
)

/** A row of a projection and the checkpoint that it was read at, in one statement. */
export type Read = {
  readonly id: CredentialId
  readonly truth: Truth | undefined
  readonly checkpoint: Position | undefined
}

/** `asOf`: the position up to which nothing can say otherwise. `behind`: read again, the projection or the follower lags. */
export type Resolved =
  | { readonly kind: 'found'; readonly truth: Truth; readonly asOf: Position }
  | { readonly kind: 'unknown' | 'behind' }

/** Before the first event: the floor of a log that is followed from its start. */
export const beforeAll: Position = -1n

const touching: ReadonlySet<string> = new Set([
  'DeviceBound',
  'DeviceTokenIssued',
  'DeviceTokenRefreshed',
  'DeviceTokenConfirmed',
  'DeviceTokenRevoked',
  'DeviceUnbound',
  'DeviceRetired',
  'ApiKeyCreated',
  'ApiKeyRotated',
  'ApiKeyRevoked',
])

type IssuedToken = Extract<DeviceEvent, { type: 'DeviceTokenIssued' }>['data']

/** The credential that the event makes, if it makes one. */
export const bornIn = ({ event }: CredentialEvent): CredentialId | undefined => {
  if (event.type === 'DeviceTokenIssued' || event.type === 'DeviceTokenRefreshed')
    return event.data.token_id
  return event.type === 'ApiKeyCreated' ? event.data.key_id : undefined
}

/** What is true after one further event. */
export const evolveTruth = (truth: Truth, { kind, event }: CredentialEvent): Truth => {
  if (truth.kind === 'token') return kind === 'device' ? evolveToken(truth, event) : truth
  return kind === 'apikey' ? evolveKey(truth, event) : truth
}

/** A queue that gives up its front cheaply. */
const createQueue = <Item>() => {
  let items: Item[] = []
  let head = 0
  return {
    size: () => items.length - head,
    front: () => items[head],
    push: (item: Item): void => void items.push(item),
    shift: (): void => {
      head += 1
      if (head < 1_024 || head * 2 < items.length) return
      items = items.slice(head)
      head = 0
    },
  }
}

/**
 * The lifecycle events in (`floor`, `head`]: with a row read at a checkpoint at or past the floor they tell what is true at
 * the head, or at the checkpoint where that is further. Past `eventsMax` the floor rises by itself: nothing is wrong then,
 * rows older than that are merely `behind`.
 */
export class Overlay {
  readonly #eventsMax: number
  readonly #queue = createQueue<CredentialEvent>()
  readonly #bySubject = new Map<string, CredentialEvent[]>()
  readonly #births = new Map<CredentialId, CredentialEvent>()
  #floor: Position
  #head: Position

  constructor(floor: Position, eventsMax: number) {
    this.#floor = floor
    this.#head = floor
    this.#eventsMax = eventsMax
  }

  get floor(): Position {
    return this.#floor
  }

  get head(): Position {
    return this.#head
  }

  get size(): number {
    return this.#queue.size()
  }

  /** The log was followed to this position. */
  advance(position: Position): void {
    if (position > this.#head) this.#head = position
  }

  /** Positions only rise; an event at or below the head was added before. */
  add(event: CredentialEvent): void {
    if (event.position <= this.#head) return
    this.#head = event.position
    if (event.position <= this.#floor || !touching.has(event.event.type)) return
    this.#queue.push(event)
    const ofSubject = this.#bySubject.get(event.subject)
    if (ofSubject) ofSubject.push(event)
    else this.#bySubject.set(event.subject, [event])
    const born = bornIn(event)
    if (born !== undefined) this.#births.set(born, event)
    const oldest = this.#queue.front()
    if (oldest && this.#queue.size() > this.#eventsMax) this.raise(oldest.position)
  }

  /** Forgets what rows at this checkpoint know already. A projection that is ahead of this node moves only the floor. */
  raise(checkpoint: Position): void {
    if (checkpoint <= this.#floor) return
    this.#floor = checkpoint
    for (let next = this.#queue.front(); next; next = this.#queue.front()) {
      if (next.position > checkpoint) break
      this.#queue.shift()
      this.#forget(next)
    }
  }

  /** The id whose row is needed to tell about this one; `undefined` when the events alone do. */
  rowFor(id: CredentialId): CredentialId | undefined {
    const origin = this.#originOf(id)
    return typeof origin === 'string' ? origin : undefined
  }

  resolve(id: CredentialId, read: Read | undefined): Resolved {
    const birth = this.#births.get(id)
    if (birth) return this.#resolveBorn(id, birth, read)
    // Its birth may have been forgotten, or its row not been asked for, since the read began.
    if (read?.id !== id) return { kind: 'behind' }
    const checkpoint = read.checkpoint ?? beforeAll
    if (checkpoint < this.#floor) return { kind: 'behind' }
    if (!read.truth) return { kind: 'unknown' }
    const { truth } = read
    const subject = truth.kind === 'token' ? truth.deviceId : truth.keyId
    return this.#found(truth, subject, checkpoint)
  }

  #resolveBorn(id: CredentialId, birth: CredentialEvent, read: Read | undefined): Resolved {
    const origin = this.#originOf(id)
    const binding = typeof origin === 'string' ? this.#bindingIn(read, origin) : origin
    const truth = truthAtBirth(birth, binding)
    return truth ? this.#found(truth, birth.subject, birth.position) : { kind: 'behind' }
  }

  // The row tells the binding of its device at the checkpoint: past the head that may be another one already.
  #bindingIn(read: Read | undefined, id: CredentialId): Binding | undefined {
    if (read?.id !== id || read.truth?.kind !== 'token') return undefined
    const isAhead = read.checkpoint === undefined || read.checkpoint > this.#head
    return isAhead ? undefined : (read.truth.binding ?? undefined)
  }

  #found(first: Truth, subject: string, after: Position): Resolved {
    const later = (this.#bySubject.get(subject) ?? []).filter(({ position }) => position > after)
    const asOf = after > this.#head ? after : this.#head
    return { kind: 'found', truth: later.reduce(evolveTruth, first), asOf }
  }

  /** The binding of the line of tokens that it stands in, or the first id of that line, whose row tells it. */
  #originOf(id: CredentialId): Binding | CredentialId | undefined {
    let current = id
    for (;;) {
      const birth = this.#births.get(current)
      if (!birth) return current
      const { event } = birth
      if (event.type === 'DeviceTokenIssued') return this.#bindingOf(birth, event.data)
      if (event.type !== 'DeviceTokenRefreshed') return undefined
      current = event.data.replaces
    }
  }

  // `DeviceBound` stands in the same append, just before; where the floor cut between them, the row is about to exist.
  #bindingOf(birth: CredentialEvent, issued: IssuedToken): Binding | CredentialId {
    for (const { event } of this.#bySubject.get(birth.subject) ?? [])
      if (event.type === 'DeviceBound' && event.data.binding_id === issued.binding_id)
        return { bindingId: event.data.binding_id, endUserId: event.data.end_user_id }
    return issued.token_id
  }

  #forget(event: CredentialEvent): void {
    const ofSubject = this.#bySubject.get(event.subject)
    ofSubject?.shift()
    if (ofSubject?.length === 0) this.#bySubject.delete(event.subject)
    const born = bornIn(event)
    if (born !== undefined && this.#births.get(born) === event) this.#births.delete(born)
  }
}

const truthAtBirth = (birth: CredentialEvent, binding: Binding | undefined): Truth | undefined => {
  if (birth.kind === 'apikey') return keyAtBirth(birth.project, birth.event)
  const { event } = birth
  const isToken = event.type === 'DeviceTokenIssued' || event.type === 'DeviceTokenRefreshed'
  if (!isToken || !binding) return undefined
  return {
    kind: 'token',
    tokenId: event.data.token_id,
    project: birth.project,
    deviceId: birth.subject,
    binding,
    secret: secretOf(event.data),
    state: event.type === 'DeviceTokenIssued' ? 'live' : 'unconfirmed',
    validUntil: null,
  }
}

/** The world that a key's hint names: it begins with the key's own prefix. */
export const modeIn = (hint: string): 'live' | 'test' => (/^.k_live_/.test(hint) ? 'live' : 'test')

const keyAtBirth = (project: ProjectId, event: ApiKeyEvent): KeyTruth | undefined => {
  if (event.type !== 'ApiKeyCreated') return undefined
  return {
    kind: 'key',
    keyId: event.data.key_id,
    project,
    mode: modeIn(event.data.hint),
    keyKind: event.data.kind,
    scopes: event.data.scopes,
    state: 'live',
    secret: secretOf(event.data),
    old: null,
  }
}

import type { Random } from '../../protocol/base62.ts'
import {
  type About,
  type Assertion,
  aboutIn,
  dataHash,
  type Envelope,
  envelopeSchema,
  isEnvelope,
  leafHash,
  signLeaf,
  zeroHash,
} from '../../protocol/envelope.ts'
import {
  type EventOf,
  type Fact,
  parseLifecycleEvent,
  type StreamKind,
  UnknownEvent,
} from '../../protocol/events/lifecycle.ts'
import type { Actor, ProjectId, RequestId } from '../../protocol/ids.ts'
import { type Instant, plusMs } from '../../protocol/instant.ts'
import type { NewEvent, Position, StoredEvent } from './event-store.ts'
import { newestOf, type Secrets } from './keyring.ts'

/** Who causes an append, and under which `Idempotency-Key`. */
export type Provenance = {
  readonly project: ProjectId | null
  readonly actor: Actor
  readonly requestId: RequestId | null
  /** The id of the event that led to this one. */
  readonly causation?: string | null
  readonly idem?: { readonly key: string; readonly body: string }
}

/** A lifecycle event as folds of the log meet it. Sealed members are still sealed. */
export type FoldedEvent<Kind extends StreamKind = StreamKind> = EventOf<Kind> & {
  readonly revision: number
  readonly position: Position
  readonly at: Instant
}

/** A lifecycle event as it was stored: the fact, and what its envelope says. */
export type RecordedEvent<Kind extends StreamKind = StreamKind> = EventOf<Kind> & {
  readonly id: string
  readonly stream: string
  readonly revision: number
  readonly position: Position
  readonly at: Instant
  readonly salt: string
  readonly envelope: Envelope
}

/** Where the next event of a stream goes: the revision before it, when that was, and its leaf. */
export type StreamEnd = {
  readonly revision: number
  readonly at: Instant | null
  readonly leaf: string
}

export const emptyStream: StreamEnd = { revision: -1, at: null, leaf: zeroHash }

const saltBytes = 32

type Signer = { readonly secrets: Pick<Secrets, 'signing'>; readonly random: Random }

/**
 * The events of one append, each with its envelope, chained to the end of the stream. The k-th bears `at` + k ms.
 * `ids` are the ids of this call, so that a retry is the same append.
 */
export const record = (
  { secrets, random }: Signer,
  facts: readonly Fact[],
  place: { stream: string; end: StreamEnd; at: Instant; ids: readonly string[] },
  by: Provenance,
): readonly NewEvent[] => {
  const [kid, { privateKey }] = newestOf(secrets.signing)
  let prev = place.end.leaf
  return facts.map(({ type, data }, k) => {
    const salt = Buffer.from(random(saltBytes)).toString('base64url')
    const a: Assertion = {
      v: 1,
      project: by.project,
      stream: place.stream,
      rev: place.end.revision + 1 + k,
      type,
      at: plusMs(place.at, k),
      actor: by.actor,
      request_id: by.requestId,
      causation: by.causation ?? null,
      dh: dataHash(salt, data),
      prev,
      kid,
    }
    prev = leafHash(a)
    const idem = by.idem ? { idem: by.idem.key, body: by.idem.body } : {}
    const metadata: Envelope = { a, sig: signLeaf(prev, privateKey), ...idem }
    const id = place.ids[k]
    if (id === undefined) throw new Error('an append needs an id for each of its events')
    return { id, type, data: { ...data, salt }, metadata }
  })
}

const stored = (event: StoredEvent, why: string): UnknownEvent =>
  new UnknownEvent(`${event.stream}@${event.revision} ${event.type}: ${why}`)

const splitSalt = (event: StoredEvent): { salt: string; data: object } => {
  if (typeof event.data !== 'object' || event.data === null)
    throw stored(event, 'its data is no object')
  const { salt, ...data } = event.data as { salt?: unknown }
  if (typeof salt !== 'string') throw stored(event, 'its data has no salt')
  return { salt, data }
}

const envelopeOf = (event: StoredEvent): Envelope => {
  if (isEnvelope(event.metadata)) return event.metadata
  const envelope = envelopeSchema.safeParse(event.metadata)
  if (!envelope.success)
    throw stored(event, `its metadata is no envelope: ${envelope.error.message}`)
  return envelope.data
}

const isAbout = (event: StoredEvent, { stream, rev, type }: About): boolean =>
  stream === event.stream && rev === event.revision && type === event.type

/** The event behind what was stored in a lifecycle stream. What is not of a known form is an `UnknownEvent`: nobody may skip it. */
export const recordedOf = <Kind extends StreamKind>(
  event: StoredEvent,
  kind: Kind,
): RecordedEvent<Kind> => {
  const envelope = envelopeOf(event)
  if (!isAbout(event, envelope.a)) throw stored(event, 'its envelope speaks of another event')
  const { salt, data } = splitSalt(event)
  const fact = parseLifecycleEvent(kind, event.type, data)
  return {
    ...fact,
    id: event.id,
    stream: event.stream,
    revision: event.revision,
    position: event.position,
    at: envelope.a.at as Instant,
    salt,
    envelope,
  }
}

/** The same, of which folds need no more. */
export const foldedOf = <Kind extends StreamKind>(
  event: StoredEvent,
  kind: Kind,
): FoldedEvent<Kind> => {
  const about = aboutIn(event.metadataBytes.toString('latin1'))
  if (!about || !isAbout(event, about)) return recordedOf(event, kind)
  const fact = parseLifecycleEvent(kind, event.type, splitSalt(event).data)
  const { revision, position } = event
  return { ...fact, revision, position, at: about.at as Instant }
}

/** Whether the event's data still has the hash that was signed. */
export const dataIsIntact = (event: RecordedEvent): boolean =>
  dataHash(event.salt, event.data) === event.envelope.a.dh

import type { DeviceId, ProjectId } from '../../../protocol/ids.ts'
import { type Instant, instantOf } from '../../../protocol/instant.ts'
import { readPageEventsMax } from '../../../protocol/limits.ts'
import { type Device, device } from '../../domain/device.ts'
import { type Ownership, ownershipAt } from '../../domain/ownership.ts'
import type { Position } from '../../store/event-store.ts'
import type { RecordedEvent } from '../../store/record.ts'
import { deviceStream, type StreamName } from '../../store/streams.ts'
import type { HttpDeps } from '../ports.ts'

/** A device as its stream tells it up to some event. `revision` is −1 and `at` is null before its first. */
export type DevicePast = {
  readonly state: Device
  readonly revision: number
  readonly at: Instant | null
  /** Of the newest event of the whole stream. */
  readonly position: Position | null
}

type DeviceRecord = RecordedEvent<'device'>
type UpTo = { readonly at: Instant } | { readonly revision: number }

const isBy = (event: RecordedEvent, upTo: UpTo): boolean =>
  'at' in upTo ? event.at <= upTo.at : event.revision <= upTo.revision

type Reading = Pick<HttpDeps, 'ledger'>
type Stream = StreamName<'device'>

async function* eventsOf({ ledger }: Reading, stream: Stream): AsyncGenerator<DeviceRecord> {
  for (let from = 0; ; from += readPageEventsMax) {
    const page = { from, count: readPageEventsMax, order: 'asc' } as const
    const { events } = await ledger.history(stream, page)
    yield* events
    if (events.length < readPageEventsMax) return
  }
}

/** The fold of the stream itself up to a time or a revision (inclusive). Throws `StoreUnavailable`. */
export const deviceAsOf =
  (deps: Reading) =>
  async (project: ProjectId, deviceId: DeviceId, upTo: UpTo): Promise<DevicePast> => {
    let past: DevicePast = { state: device.initial, revision: -1, at: null, position: null }
    for await (const event of eventsOf(deps, deviceStream(project, deviceId))) {
      if (isBy(event, upTo))
        past = {
          ...past,
          state: device.evolve(past.state, event),
          revision: event.revision,
          at: event.at,
        }
      past = { ...past, position: event.position }
    }
    return past
  }

export type DeviceOwner = {
  readonly ownership: Ownership
  readonly at: Instant
  readonly knownAt: Instant
  /** Of the last event that was known, −1 before the first. */
  readonly revision: number
  /** Of the newest event of the whole stream. */
  readonly position: Position
}

type Asked = {
  readonly at: Instant | undefined
  /** Events after that count for nothing. */
  readonly knownAt: Instant | undefined
}

const later = (a: Instant, b: Instant): Instant => (a > b ? a : b)

/** Who owned the device at a time, as far as was known by another; `undefined`: there is no such device. Throws `StoreUnavailable`. */
export const deviceOwner =
  ({ now, ...deps }: Reading & Pick<HttpDeps, 'now'>) =>
  async (
    project: ProjectId,
    deviceId: DeviceId,
    asked: Asked,
  ): Promise<DeviceOwner | undefined> => {
    const events: DeviceRecord[] = []
    for await (const event of eventsOf(deps, deviceStream(project, deviceId))) events.push(event)
    const last = events.at(-1)
    if (!last) return undefined
    // Time rises in a stream, and may be ahead of the clock: now is never before what happened.
    const present = later(instantOf(now()), last.at)
    const { at = present, knownAt = present } = asked
    const known = events.filter((event) => event.at <= knownAt)
    return {
      ownership: ownershipAt(known, at),
      at,
      knownAt,
      revision: known.at(-1)?.revision ?? -1,
      position: last.position,
    }
  }

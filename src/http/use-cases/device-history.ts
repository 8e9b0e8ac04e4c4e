import type { DeviceId, ProjectId } from '../../../protocol/ids.ts'
import type { Instant } from '../../../protocol/instant.ts'
import { readPageEventsMax } from '../../../protocol/limits.ts'
import { type Device, device } from '../../domain/device.ts'
import type { Position } from '../../store/event-store.ts'
import type { RecordedEvent } from '../../store/record.ts'
import { deviceStream } from '../../store/streams.ts'
import type { HttpDeps } from '../ports.ts'

/** A device as its stream tells it up to some event. `revision` is −1 and `at` is null before its first. */
export type DevicePast = {
  readonly state: Device
  readonly revision: number
  readonly at: Instant | null
  /** Of the newest event of the whole stream. */
  readonly position: Position | null
}

type UpTo = { readonly at: Instant } | { readonly revision: number }

const isBy = (event: RecordedEvent, upTo: UpTo): boolean =>
  'at' in upTo ? event.at <= upTo.at : event.revision <= upTo.revision

/** The fold of the stream itself up to a time or a revision (inclusive). Throws `StoreUnavailable`. */
export const deviceAsOf =
  ({ ledger }: Pick<HttpDeps, 'ledger'>) =>
  async (project: ProjectId, deviceId: DeviceId, upTo: UpTo): Promise<DevicePast> => {
    const stream = deviceStream(project, deviceId)
    let past: DevicePast = { state: device.initial, revision: -1, at: null, position: null }
    for (let from = 0; ; from += readPageEventsMax) {
      const page = await ledger.history(stream, { from, count: readPageEventsMax, order: 'asc' })
      for (const event of page) {
        if (isBy(event, upTo))
          past = {
            ...past,
            state: device.evolve(past.state, event),
            revision: event.revision,
            at: event.at,
          }
        past = { ...past, position: event.position }
      }
      if (page.length < readPageEventsMax) return past
    }
  }

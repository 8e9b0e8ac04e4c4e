import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import type { BindingId, EndUserId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import type { Timed } from './decision.ts'

/** A stretch of a device's life, half-open, within which it is one end user's or nobody's. `null`: without a beginning, or an end. */
export type Ownership = {
  readonly bindingId: BindingId | null
  readonly endUserId: EndUserId | null
  readonly since: Instant | null
  readonly until: Instant | null
}

const atFirst: Ownership = { bindingId: null, endUserId: null, since: null, until: null }

/** What begins with the event; `undefined` where it says nothing of who owns the device. */
const begunBy = (event: Timed<DeviceEvent>): Ownership | undefined => {
  if (event.type === 'DeviceUnbound') return { ...atFirst, since: event.at }
  if (event.type !== 'DeviceBound') return undefined
  const { binding_id, end_user_id } = event.data
  return { bindingId: binding_id, endUserId: end_user_id, since: event.at, until: null }
}

/** Whose the device is at that time, as far as these events of its stream tell. */
export const ownershipAt = (events: readonly Timed<DeviceEvent>[], at: Instant): Ownership => {
  let current = atFirst
  for (const event of events) {
    const next = begunBy(event)
    if (!next) continue
    if (event.at > at) return { ...current, until: event.at }
    current = next
  }
  return current
}

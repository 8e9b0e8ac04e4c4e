import { parseInstant } from '../../protocol/instant.ts'
import { deviceStateCharsMax, firmwareVersionCharsMax } from '../../protocol/limits.ts'
import type { Heartbeat, Uplink } from '../../protocol/payloads.ts'

type PlainHeartbeat = Omit<Heartbeat, 'device_name' | 'connection_type'> & Uplink

const within = (min: number, max: number) => (value: unknown) =>
  Number.isSafeInteger(value) &&
  Number(value) >= min &&
  Number(value) <= max &&
  !Object.is(value, -0)
const natural = within(0, Number.MAX_SAFE_INTEGER)
const text = (charsMax: number) => (value: unknown) =>
  typeof value === 'string' && value.length <= charsMax && /^[\x20-\x7e]*$/.test(value)

// The members of nearly every heartbeat, each with the plainest form that its schema takes.
const members: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['battery_percent', within(0, 100)],
  ['storage_used_mb', natural],
  ['storage_total_mb', natural],
  ['signal_strength_dbm', within(-200, 100)],
  ['firmware_version', text(firmwareVersionCharsMax)],
  ['device_state', text(deviceStateCharsMax)],
  ['pending_recordings', natural],
  ['flags', within(0, 255)],
  ['boot', natural],
  ['seq', natural],
  ['at', (value) => natural(value) || parseInstant(value) !== undefined],
])

/**
 * The heartbeat as it stands, when it holds nothing but plain members, which the schema would return unchanged; `undefined` when the
 * schema has to say. Ten times as fast as it.
 */
export const plainHeartbeat = (value: unknown): PlainHeartbeat | undefined => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  for (const [name, member] of Object.entries(value))
    if (!members.get(name)?.(member)) return undefined
  return value
}

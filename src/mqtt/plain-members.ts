import { parseInstant } from '../../protocol/instant.ts'
import { deviceStateCharsMax, firmwareVersionCharsMax } from '../../protocol/limits.ts'

/** A member of a heartbeat, with the plainest form that its schema takes: an integer, a text, or either as a time. */
export type PlainMember = {
  readonly name: string
  readonly bit: number
  readonly min: number
  /** The least and the most of an integer; there is none where texts are taken alone. */
  readonly max: number
  /** Of a text; -1 where there is none. */
  readonly charsMax: number
  readonly isTime: boolean
}

type Form = Omit<PlainMember, 'name' | 'bit'>

const integer = (min: number, max: number): Form => ({ min, max, charsMax: -1, isTime: false })
const natural = integer(0, Number.MAX_SAFE_INTEGER)
const text = (charsMax: number): Form => ({ min: 1, max: 0, charsMax, isTime: false })
const time: Form = { ...natural, charsMax: Number.MAX_SAFE_INTEGER, isTime: true }

/** The members of nearly every heartbeat. */
export const plainMembers: ReadonlyMap<string, PlainMember> = new Map(
  Object.entries({
    boot: natural,
    seq: natural,
    at: time,
    battery_percent: integer(0, 100),
    storage_used_mb: natural,
    storage_total_mb: natural,
    signal_strength_dbm: integer(-200, 100),
    firmware_version: text(firmwareVersionCharsMax),
    device_state: text(deviceStateCharsMax),
    pending_recordings: natural,
    flags: integer(0, 255),
  }).map(([name, form], i) => [name, { name, bit: 1 << i, ...form }]),
)

// A time with a day that every month has: nothing else has to be looked up.
const usualInstant =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/

export const takesInteger = ({ min, max }: PlainMember, value: number): boolean =>
  value >= min && value <= max

export const takesText = ({ charsMax, isTime }: PlainMember, value: string): boolean =>
  value.length <= charsMax &&
  (!isTime || usualInstant.test(value) || parseInstant(value) !== undefined)

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

export const takesInteger = ({ min, max }: PlainMember, value: number): boolean =>
  value >= min && value <= max

const zero = 0x30
const least = Buffer.from('0000-00-00T00:00:00.000Z')
const most = Buffer.from('9999-19-29T29:59:59.999Z')

const twoDigits = (bytes: Buffer, at: number): number =>
  10 * (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) - 11 * zero

/** A time with a day that every month has: nothing else has to be looked up. */
const isUsualInstant = (bytes: Buffer, from: number): boolean => {
  for (let i = 0; i < least.length; i += 1) {
    const code = bytes[from + i] ?? 0
    if (code < (least[i] ?? 0) || code > (most[i] ?? 0)) return false
  }
  const month = twoDigits(bytes, from + 5)
  const day = twoDigits(bytes, from + 8)
  return month >= 1 && month <= 12 && day >= 1 && day <= 28 && twoDigits(bytes, from + 11) <= 23
}

/** The text in `[from, to)`, printable ASCII. */
export const takesText = (
  { charsMax, isTime }: PlainMember,
  bytes: Buffer,
  from: number,
  to: number,
): boolean =>
  to - from <= charsMax &&
  (!isTime ||
    (to - from === least.length &&
      (isUsualInstant(bytes, from) ||
        parseInstant(bytes.toString('latin1', from, to)) !== undefined)))

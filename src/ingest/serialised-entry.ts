import type { DeviceId } from '../../protocol/ids.ts'
import { entrySlabBytes } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import type { Boot } from '../../protocol/payloads.ts'

/**
 * UTF-8 JSON of an entry where it was written, in `[from, to)`. Thousands of entries wait at a time: as texts the garbage collector would
 * copy each of them again and again.
 */
export type EntryBytes = { readonly slab: Buffer; readonly from: number; readonly to: number }

/** An entry as it will stand in the log, and what is needed of it until then. */
export type SerialisedEntry = {
  readonly d: DeviceId
  /** Both are there where the entry is named by them: a repeat is stored once. */
  readonly boot: Boot | undefined
  readonly seq: number | undefined
  readonly bytes: EntryBytes
}

export const lengthOf = ({ from, to }: EntryBytes): number => to - from

/** Whoever wrote into the last slab keeps it for as long as it waits. */
const open = { slab: Buffer.alloc(0), at: 0 }

/** Room for an entry of so many bytes, which whoever asks writes at once. */
export const roomForEntry = (length: number): EntryBytes => {
  if (open.at + length > open.slab.length) {
    open.slab = Buffer.allocUnsafeSlow(Math.max(length, entrySlabBytes))
    open.at = 0
  }
  const from = open.at
  open.at += length
  return { slab: open.slab, from, to: open.at }
}

/** A text, a byte a character (latin1). */
const entryBytes = (text: string): EntryBytes => {
  const bytes = roomForEntry(text.length)
  bytes.slab.write(text, bytes.from, 'latin1')
  return bytes
}

const asciiForm = /^[ -~]*$/

export const serialised = (entry: Entry): SerialisedEntry => {
  const json = JSON.stringify(entry)
  const text = asciiForm.test(json) ? json : Buffer.from(json, 'utf8').toString('latin1')
  const { d, boot, seq } = entry
  const isNamed = entry.k !== 'rejected'
  return {
    d,
    boot: isNamed ? boot : undefined,
    seq: isNamed ? seq : undefined,
    bytes: entryBytes(text),
  }
}

const head = '{"v":1,"entries":['
const tail = ']}'
const comma = 0x2c
export const envelopeBytes = head.length + tail.length

/** The data of a commit: each entry was serialised once, here they are only joined. */
export const joined = (entries: readonly EntryBytes[]): Buffer => {
  const size = entries.reduce((sum, one) => sum + lengthOf(one) + 1, envelopeBytes - 1)
  const data = Buffer.allocUnsafe(size)
  let at = data.write(head, 'latin1')
  for (const { slab, from, to } of entries) {
    if (at > head.length) {
      data[at] = comma
      at += 1
    }
    at += slab.copy(data, at, from, to)
  }
  data.write(tail, at, 'latin1')
  return data
}

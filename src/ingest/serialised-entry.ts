import type { DeviceId } from '../../protocol/ids.ts'
import type { Entry } from '../../protocol/observations.ts'
import type { Boot } from '../../protocol/payloads.ts'

/** UTF-8 JSON of an entry in parts, a byte a character (latin1): copied once, into the commit. */
export type EntryText = { readonly parts: readonly string[]; readonly bytes: number }

/** An entry as it will stand in the log, and what is needed of it until then. */
export type SerialisedEntry = {
  readonly d: DeviceId
  /** Both are there where the entry is named by them: a repeat is stored once. */
  readonly boot: Boot | undefined
  readonly seq: number | undefined
  readonly text: EntryText
}

const asciiForm = /^[ -~]*$/

export const entryText = (parts: readonly string[]): EntryText => {
  let bytes = 0
  for (const part of parts) bytes += part.length
  return { parts, bytes }
}

export const serialised = (entry: Entry): SerialisedEntry => {
  const json = JSON.stringify(entry)
  const text = asciiForm.test(json) ? json : Buffer.from(json, 'utf8').toString('latin1')
  const { d, boot, seq } = entry
  const isNamed = entry.k !== 'rejected'
  return {
    d,
    boot: isNamed ? boot : undefined,
    seq: isNamed ? seq : undefined,
    text: entryText([text]),
  }
}

const head = '{"v":1,"entries":['
const tail = ']}'
export const envelopeBytes = head.length + tail.length

/** The data of a commit: each entry was serialised once, here they are only joined. */
export const joined = (texts: readonly EntryText[]): Buffer => {
  const size = texts.reduce((sum, { bytes }) => sum + bytes + 1, envelopeBytes - 1)
  const data = Buffer.allocUnsafe(size)
  let at = data.write(head, 'latin1')
  for (const { parts } of texts) {
    if (at > head.length) at += data.write(',', at, 'latin1')
    for (const part of parts) at += data.write(part, at, 'latin1')
  }
  data.write(tail, at, 'latin1')
  return data
}

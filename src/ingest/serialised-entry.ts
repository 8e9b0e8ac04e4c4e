import type { DeviceId } from '../../protocol/ids.ts'
import type { Entry } from '../../protocol/observations.ts'
import type { Boot } from '../../protocol/payloads.ts'

/** An entry as it will stand in the log, and what is needed of it until then. */
export type SerialisedEntry = {
  readonly d: DeviceId
  /** Both are there where the entry is named by them: a repeat is stored once. */
  readonly boot: Boot | undefined
  readonly seq: number | undefined
  /** UTF-8 JSON, a byte a character (latin1): its length is its size, and joining is the only copy. */
  readonly text: string
}

const asciiForm = /^[ -~]*$/

export const serialised = (entry: Entry): SerialisedEntry => {
  const json = JSON.stringify(entry)
  const text = asciiForm.test(json) ? json : Buffer.from(json, 'utf8').toString('latin1')
  const { d, boot, seq } = entry
  const isNamed = entry.k !== 'rejected'
  return { d, boot: isNamed ? boot : undefined, seq: isNamed ? seq : undefined, text }
}

const head = '{"v":1,"entries":['
const tail = ']}'
export const envelopeBytes = head.length + tail.length

/** The data of a commit: each entry was serialised once, here they are only joined. */
export const joined = (texts: readonly string[]): Buffer =>
  Buffer.from(head + texts.join(',') + tail, 'latin1')

import { type UpTopic, upTopic } from '../../protocol/topics.ts'

// Nearly every message is one of these: what its topic says need not be found out anew.
export const commonTopics: ReadonlyMap<string, UpTopic> = new Map(
  (['json', 'cbor'] as const).map((encoding) => [
    upTopic('me', 'heartbeat', encoding),
    { kind: 'heartbeat', device: 'me', encoding },
  ]),
)

const known = [...commonTopics.keys()].map((text) => ({ text, bytes: Buffer.from(text, 'latin1') }))

const stands = (expected: Buffer, bytes: Buffer, from: number): boolean => {
  for (let i = 0; i < expected.length; i += 1) if (bytes[from + i] !== expected[i]) return false
  return true
}

/** The topic in `[from, to)`, a character a byte; no new text is made of a common one. */
export const topicIn = (bytes: Buffer, from: number, to: number): string => {
  for (const one of known)
    if (one.bytes.length === to - from && stands(one.bytes, bytes, from)) return one.text
  return bytes.toString('latin1', from, to)
}

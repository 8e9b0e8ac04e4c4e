import { audio, headers, oggCrc, packetSamples, paddedSilence } from './ogg-opus.ts'

/** What a microphone hears, encoded: the same bytes each time that they are asked for. */
export type Sound = {
  /** Of its stream; two sounds differ in it. */
  readonly serial: number
  /** About so many bytes a chunk, at most 262,144. */
  readonly chunkBytes: number
}

/** A chunk is a second of audio. */
export const chunkMs = 1_000
const pagesPerChunk = 5
const packetsPerPage = 10
const packetsPerChunk = pagesPerChunk * packetsPerPage
/** Of a page that is not Opus. */
const packetOverheadBytes = 30

/** The same pages, the last of them marked as the end of its stream. */
export const ended = (pages: Buffer): Buffer => {
  const marked = Buffer.from(pages)
  const last = marked.subarray(marked.lastIndexOf('OggS'))
  last[5] = (last[5] ?? 0) | 4
  last.writeUInt32LE(0, 22)
  last.writeUInt32LE(oggCrc(last), 22)
  return marked
}

/** A chunk of whole Ogg pages, counted from 1; the first one begins with the headers. */
export const chunkOf = ({ serial, chunkBytes }: Sound, index: number): Buffer => {
  const before = index - 1
  const track = {
    serial,
    sequence: 2 + pagesPerChunk * before,
    granule: BigInt(packetsPerChunk * before) * packetSamples,
  }
  const size = Math.max(0, Math.round(chunkBytes / packetsPerChunk) - packetOverheadBytes)
  // Packets differ in size as those of a voice do.
  const pages = audio(pagesPerChunk, packetsPerPage, track, (at) =>
    paddedSilence(Math.max(0, size + ((7 * at + index) % 21) - 10), (serial + index + at) % 256),
  )
  return before === 0 ? Buffer.concat([headers(serial), pages]) : pages
}

/** What the whole of its first chunks must be, a chunk at a time: the last page marked, whether its device could mark it or not. */
export function* wholeOf(sound: Sound, chunks: number): Generator<Buffer> {
  for (let index = 1; index <= chunks; index += 1)
    yield index === chunks ? ended(chunkOf(sound, index)) : chunkOf(sound, index)
}

import { opusPacketSamplesMax } from '../../../protocol/limits-recordings.ts'
import { isContinued, lacingOf, type OggPage, payloadOf } from './ogg-page.ts'

// RFC 6716, 3.1: samples at 48 kHz of one frame, by the configuration in the first byte.
const silkSamples = [480, 960, 1920, 2880]
const hybridSamples = [480, 960]
const celtSamples = [120, 240, 480, 960]

const frameSamples = (configuration: number): number => {
  if (configuration < 12) return silkSamples[configuration % 4] as number
  if (configuration < 16) return hybridSamples[configuration % 2] as number
  return celtSamples[configuration % 4] as number
}

const frameCount = (code: number, second: number): number => {
  if (code === 0) return 1
  return code === 3 ? second & 0x3f : 2
}

/** How long a packet plays, in samples at 48 kHz, by its first two bytes; 0 for what is no packet of Opus. */
export const samplesOf = (first: number, second: number): number => {
  const samples = frameSamples(first >> 3) * frameCount(first & 3, second)
  return samples > opusPacketSamplesMax ? 0 : samples
}

/** A packet that is not complete yet. One whose beginning is missing does not count. */
type Open = { first: number; second: number; bytes: number; readonly counts: boolean }

const grow = (packet: Open, bytes: Buffer): void => {
  for (const byte of bytes.subarray(0, Math.max(0, 2 - packet.bytes))) {
    if (packet.bytes === 0) packet.first = byte
    else packet.second = byte
    packet.bytes += 1
  }
}

/** Follows the packets of one stream over its pages. */
export const createPacketClock = () => {
  let open: Open | undefined

  return {
    /** Samples of the packets that end on this page. */
    samplesEndingOn(page: OggPage): number {
      const payload = payloadOf(page)
      let samples = 0
      let from = 0
      if (!isContinued(page)) open = undefined
      let counts = !isContinued(page)
      for (const lace of lacingOf(page)) {
        open ??= { first: 0, second: 0, bytes: 0, counts }
        grow(open, payload.subarray(from, from + lace))
        from += lace
        counts = true
        if (lace === 255) continue
        if (open.counts && open.bytes > 0) samples += samplesOf(open.first, open.second)
        open = undefined
      }
      return samples
    },
  }
}

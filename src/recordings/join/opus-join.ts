import { BrokenAudio } from './broken-audio.ts'
import {
  endsOpen,
  granuleOf,
  isFirst,
  isLast,
  type OggPage,
  payloadOf,
  rewrite,
  serialOf,
} from './ogg-page.ts'
import { createPacketClock } from './opus-packets.ts'
import { createPositions, type Position } from './opus-positions.ts'

const headMagic = Buffer.from('OpusHead')
const tagsMagic = Buffer.from('OpusTags')
// RFC 7845, 5.1: magic, version, channels | pre-skip, input rate | gain, mapping. What stands between may differ from chunk to chunk.
const preSkipAt = 10
const gainAt = 16

const beginsWith = (page: OggPage, magic: Buffer): boolean =>
  payloadOf(page).subarray(0, magic.length).equals(magic)

const decodesAlike = (a: Buffer, b: Buffer): boolean =>
  a.subarray(0, preSkipAt).equals(b.subarray(0, preSkipAt)) &&
  a.subarray(gainAt).equals(b.subarray(gainAt))

/** A page that waits until it is known whether it is the last. */
type Held = Position & { readonly page: OggPage }

/**
 * Makes one stream of Ogg Opus (RFC 7845) out of the pages of many chunks: one serial number, pages numbered through, the headers of the
 * first chunk alone, positions that rise by what the packets play, the end marked once. Pages that are such a stream already come out
 * byte for byte. Holds one page.
 */
export const createOpusJoin = () => {
  const clock = createPacketClock()
  const positions = createPositions()
  let head: Buffer | undefined
  let serial = 0
  let sequence = 0
  let reading: 'first tags' | 'more tags' | 'audio' = 'audio'
  let keepsTags = true
  let serialRead: number | undefined
  let chunkBegins = true
  let held: Held | undefined
  const written = ({ page, granule, trimmed }: Held, last: boolean): OggPage => {
    const to = { first: sequence === 0, last, serial, sequence, granule }
    sequence += 1
    return rewrite(page, last && trimmed !== undefined ? { ...to, granule: trimmed } : to)
  }

  function* hold(next: Held): Generator<OggPage> {
    if (held) yield written(held, false)
    held = next
  }

  const takeHead = (page: OggPage): Held | undefined => {
    if (!beginsWith(page, headMagic))
      throw new BrokenAudio('not_opus', 'its Ogg holds another codec than Opus')
    const payload = Buffer.from(payloadOf(page))
    reading = 'first tags'
    keepsTags = head === undefined
    positions.begin()
    if (head && !decodesAlike(head, payload))
      throw new BrokenAudio(
        'opus_differs',
        'its Opus has other channels or another gain than the first chunk',
      )
    if (head) return undefined
    head = payload
    serial = serialOf(page)
    return { page, granule: 0n, trimmed: undefined }
  }

  const takeTags = (page: OggPage): Held | undefined => {
    if (reading === 'first tags' && !beginsWith(page, tagsMagic))
      throw new BrokenAudio('opus_no_tags', 'its Opus has no comment header')
    reading = endsOpen(page) ? 'more tags' : 'audio'
    return keepsTags ? { page, granule: granuleOf(page), trimmed: undefined } : undefined
  }

  const takeAudio = (page: OggPage): Held => {
    if (!head)
      throw new BrokenAudio('opus_no_head', 'the first chunk does not begin with a header of Opus')
    const samples = BigInt(clock.samplesEndingOn(page))
    return { page, ...positions.place(granuleOf(page), samples, isLast(page)) }
  }

  const take = (page: OggPage): Held | undefined => {
    const isHead = isFirst(page)
    if (!isHead && !chunkBegins && serialOf(page) !== serialRead)
      throw new BrokenAudio('ogg_streams', 'its Ogg holds more than one stream')
    serialRead = serialOf(page)
    chunkBegins = false
    if (isHead) return takeHead(page)
    return reading === 'audio' ? takeAudio(page) : takeTags(page)
  }

  return {
    beginChunk: (): void => {
      chunkBegins = true
    },
    /** Throws `BrokenAudio`. */
    *add(page: OggPage): Generator<OggPage> {
      const next = take(page)
      if (next) yield* hold(next)
    },
    *end(): Generator<OggPage> {
      if (held) yield written(held, true)
      held = undefined
    },
  }
}

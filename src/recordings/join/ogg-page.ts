import { BrokenAudio } from './broken-audio.ts'
import { crcOver, crcOverZeros } from './ogg-crc.ts'

/** A whole page of Ogg (RFC 3533, section 6) in memory of its own. */
export type OggPage = Buffer

const headerBytes = 27
const pattern = Buffer.from('OggS')
const flags = { continued: 1, first: 2, last: 4 } as const
const at = { version: 4, flags: 5, granule: 6, serial: 14, sequence: 18, crc: 22, segments: 26 }

const noCrc = Buffer.alloc(4)

const crcOf = (page: OggPage): number => {
  const before = crcOver(0, page, 0, at.crc)
  const blank = crcOver(before, noCrc, 0, noCrc.length)
  return crcOver(blank, page, at.segments, page.length)
}

const has = (page: OggPage, flag: number): boolean => ((page[at.flags] as number) & flag) !== 0

export const isContinued = (page: OggPage): boolean => has(page, flags.continued)
export const isFirst = (page: OggPage): boolean => has(page, flags.first)
export const isLast = (page: OggPage): boolean => has(page, flags.last)
export const serialOf = (page: OggPage): number => page.readUInt32LE(at.serial)
/** Of the last packet that ends on the page, −1 where none does. */
export const granuleOf = (page: OggPage): bigint => page.readBigInt64LE(at.granule)
export const lacingOf = (page: OggPage): Buffer =>
  page.subarray(headerBytes, headerBytes + (page[at.segments] as number))
export const payloadOf = (page: OggPage): Buffer =>
  page.subarray(headerBytes + (page[at.segments] as number))
/** Whether the last packet of the page goes on in the next one. */
export const endsOpen = (page: OggPage): boolean => lacingOf(page).at(-1) === 255

const changes = Buffer.alloc(headerBytes)

/**
 * The checksum of a page whose header was another when it had `crc`. Checksums without inversion are linear: that of the change, which
 * is zero beyond the header, makes the one of the other.
 */
const crcAfterChange = (crc: number, page: OggPage): number => {
  for (let i = at.flags; i < at.crc; i += 1)
    changes[i] = (changes[i] as number) ^ (page[i] as number)
  const ofHeader = crcOver(0, changes, 0, headerBytes)
  return (crc ^ crcOverZeros(ofHeader, page.length - headerBytes)) >>> 0
}

/** The page as part of another stream; in place. */
export const rewrite = (
  page: OggPage,
  to: {
    readonly first: boolean
    readonly last: boolean
    readonly serial: number
    readonly sequence: number
    readonly granule: bigint
  },
): OggPage => {
  page.copy(changes, at.flags, at.flags, at.crc)
  page[at.flags] =
    ((page[at.flags] as number) & flags.continued) |
    (to.first ? flags.first : 0) |
    (to.last ? flags.last : 0)
  page.writeBigInt64LE(to.granule, at.granule)
  page.writeUInt32LE(to.serial, at.serial)
  page.writeUInt32LE(to.sequence >>> 0, at.sequence)
  // Its checksum was right when it was read.
  page.writeUInt32LE(crcAfterChange(page.readUInt32LE(at.crc), page), at.crc)
  return page
}

/** The length of the page that begins at `from`, or `undefined` while its header is not complete. Throws `BrokenAudio`. */
const lengthAt = (bytes: Buffer, from: number): number | undefined => {
  const start = bytes.subarray(from, from + pattern.length)
  if (!start.equals(pattern.subarray(0, start.length)))
    throw new BrokenAudio('not_ogg', 'its bytes are not pages of Ogg')
  const segments = bytes[from + at.segments]
  const bodyFrom = from + headerBytes + (segments ?? 0)
  if (segments === undefined || bytes.length < bodyFrom) return undefined
  if (bytes[from + at.version] !== 0)
    throw new BrokenAudio('ogg_version', 'its Ogg has an unknown version')
  let length = headerBytes + segments
  for (let i = bodyFrom - segments; i < bodyFrom; i += 1) length += bytes[i] as number
  return length
}

/** Takes bytes as they come and gives out each page once it is whole. Never holds more than a page and a piece. */
export const createPageReader = () => {
  let rest: Buffer = Buffer.alloc(0)

  return {
    /** Throws `BrokenAudio` for what is no page, or a page whose checksum is wrong. */
    *take(piece: Uint8Array): Generator<OggPage> {
      const bytes = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece])
      let from = 0
      while (from < bytes.length) {
        const length = lengthAt(bytes, from)
        if (length === undefined || from + length > bytes.length) break
        const page = bytes.subarray(from, from + length)
        from += length
        if (page.readUInt32LE(at.crc) !== crcOf(page))
          throw new BrokenAudio('ogg_checksum', 'a page of its Ogg has a wrong checksum')
        yield page
      }
      rest = bytes.subarray(from)
    },
    /** Throws `BrokenAudio` when the bytes ended within a page. */
    end: (): void => {
      if (rest.length > 0)
        throw new BrokenAudio('ogg_truncated', 'its last page of Ogg is not whole')
    },
  }
}

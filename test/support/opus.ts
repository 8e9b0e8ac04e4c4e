import {
  audio,
  headers,
  oggCrc,
  type PageParts,
  packetSamples,
} from '../../src/cli/simulate/ogg-opus.ts'

/** Reads pages as a player would; throws for anything that is not a page with a right checksum. */
export const pagesIn = (bytes: Buffer): readonly PageParts[] => {
  const pages: PageParts[] = []
  for (let from = 0; from < bytes.length; ) {
    if (bytes.toString('latin1', from, from + 4) !== 'OggS') throw new Error(`no page at ${from}`)
    const lacing = [...bytes.subarray(from + 27, from + 27 + (bytes[from + 26] ?? 0))]
    const bodyFrom = from + 27 + lacing.length
    const to = bodyFrom + lacing.reduce((sum, lace) => sum + lace, 0)
    const blank = Buffer.from(bytes.subarray(from, to))
    blank.writeUInt32LE(0, 22)
    if (oggCrc(blank) !== bytes.readUInt32LE(from + 22)) throw new Error(`wrong CRC at ${from}`)
    pages.push({
      flags: bytes[from + 5] ?? 0,
      granule: bytes.readBigInt64LE(from + 6),
      serial: bytes.readUInt32LE(from + 14),
      sequence: bytes.readUInt32LE(from + 18),
      lacing,
      payload: bytes.subarray(bodyFrom, to),
    })
    from = to
  }
  return pages
}

/** A second of silence as a device sends it: the first chunk with the headers, the second going on. */
export const opusChunks: readonly Buffer[] = [
  Buffer.concat([headers(1), audio(5, 5, { serial: 1, sequence: 2, granule: 0n })]),
  audio(5, 5, { serial: 1, sequence: 7, granule: 25n * packetSamples }),
]

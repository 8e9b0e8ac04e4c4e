// A small muxer of Ogg Opus (RFC 3533, RFC 7845), written apart from the code that joins: it shares nothing with it, and so can judge it.

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte * 2 ** 24
  for (let bit = 0; bit < 8; bit += 1)
    crc = crc >= 2 ** 31 ? (((crc * 2) % 2 ** 32) ^ 0x04c11db7) >>> 0 : crc * 2
  return crc
})

export const oggCrc = (bytes: Uint8Array): number => {
  let crc = 0
  for (const byte of bytes) crc = (crc << 8) ^ (crcTable[(crc >>> 24) ^ byte] ?? 0)
  return crc >>> 0
}

export type PageParts = {
  readonly flags: number
  readonly granule: bigint
  readonly serial: number
  readonly sequence: number
  readonly lacing: readonly number[]
  readonly payload: Uint8Array
}

export const page = ({ flags, granule, serial, sequence, lacing, payload }: PageParts): Buffer => {
  const head = Buffer.alloc(27 + lacing.length)
  head.write('OggS', 0, 'latin1')
  head[5] = flags
  head.writeBigInt64LE(granule, 6)
  head.writeUInt32LE(serial, 14)
  head.writeUInt32LE(sequence, 18)
  head[26] = lacing.length
  head.set(lacing, 27)
  const whole = Buffer.concat([head, payload])
  whole.writeUInt32LE(oggCrc(whole), 22)
  return whole
}

const lacingOf = (length: number): number[] => [
  ...Array.from({ length: Math.floor(length / 255) }, () => 255),
  length % 255,
]

/** Whole packets on one page. */
export const packetPage = (
  packets: readonly Uint8Array[],
  rest: Omit<PageParts, 'lacing' | 'payload'>,
): Buffer =>
  page({
    ...rest,
    lacing: packets.flatMap((packet) => lacingOf(packet.length)),
    payload: Buffer.concat(packets),
  })

export const preSkip = 312

export const opusHead = (channels = 1, gain = 0): Buffer => {
  const head = Buffer.alloc(19)
  head.write('OpusHead', 0, 'latin1')
  head[8] = 1
  head[9] = channels
  head.writeUInt16LE(preSkip, 10)
  head.writeUInt32LE(16_000, 12)
  head.writeInt16LE(gain, 16)
  return head
}

export const opusTags = (vendor = 'lapel'): Buffer => {
  const tags = Buffer.alloc(8 + 4 + vendor.length + 4)
  tags.write('OpusTags', 0, 'latin1')
  tags.writeUInt32LE(vendor.length, 8)
  tags.write(vendor, 12, 'latin1')
  return tags
}

export const headers = (serial: number, tags = opusTags(), head = opusHead()): Buffer =>
  Buffer.concat([
    packetPage([head], { flags: 2, granule: 0n, serial, sequence: 0 }),
    packetPage([tags], { flags: 0, granule: 0n, serial, sequence: 1 }),
  ])

/** 20 ms of silence, 960 samples; the filler makes packets differ, and no decoder minds it in a code-3 packet's padding. */
export const silence = Buffer.from('f8fffe', 'hex')
export const packetSamples = 960n

/** The same 20 ms with `bytes` of padding (RFC 6716, 3.2.5), so that a packet can be as large as a test wants. */
export const paddedSilence = (padding: number, fill: number): Buffer => {
  const lengths = [...Array.from({ length: Math.floor(padding / 254) }, () => 255), padding % 254]
  return Buffer.concat([
    Buffer.of(0xfb, 0x41, ...lengths),
    silence.subarray(1),
    Buffer.alloc(padding, fill),
  ])
}

export type Track = {
  readonly serial: number
  /** Pages that stand before this one in the stream. */
  readonly sequence: number
  /** Samples before. */
  readonly granule: bigint
}

/** Pages of silence that go on from a place in a stream; `packets` on each. */
export const audio = (
  pages: number,
  packets: number,
  { serial, sequence, granule }: Track,
  packet: (at: number) => Buffer = () => silence,
): Buffer =>
  Buffer.concat(
    Array.from({ length: pages }, (_, at) =>
      packetPage(
        Array.from({ length: packets }, (_, k) => packet(at * packets + k)),
        {
          flags: 0,
          granule: granule + packetSamples * BigInt(packets * (at + 1)),
          serial,
          sequence: sequence + at,
        },
      ),
    ),
  )

// Castagnoli's polynomial, bit-reversed (RFC 3720, appendix B.4): node:zlib knows the other CRC-32 alone.
const polynomial = 0x82f63b78

const divided = (byte: number): number => {
  let crc = byte
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  return crc >>> 0
}
const table = Uint32Array.from({ length: 256 }, (_, byte) => divided(byte))

/** Goes on from the CRC of what came before. */
export const crc32c = (data: Uint8Array, before = 0): number => {
  let crc = ~before
  for (const byte of data) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0)
  return ~crc >>> 0
}

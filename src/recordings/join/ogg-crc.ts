// RFC 3533, 6: polynomial 0x04c11db7, most significant bit first, no inversion.
const divided = (byte: number): number => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  return crc
}

// Eight bytes a step: the k-th table is what a byte is worth with k more behind it.
const sliceBytes = 8
const tableOf = (k: number): Int32Array =>
  Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = divided(byte)
    for (let behind = 0; behind < k; behind += 1) crc = (crc << 8) ^ divided(crc >>> 24)
    return crc
  })
const tables = Array.from({ length: sliceBytes }, (_, k) => tableOf(k))
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

const at32 = (table: Int32Array, byte: number): number => table[byte & 0xff] as number

/** Goes on from the checksum of what stands before. */
export const crcOver = (start: number, bytes: Uint8Array, from: number, to: number): number => {
  let crc = start | 0
  let i = from
  const byte = (offset: number): number => bytes[i + offset] as number
  for (const end = to - sliceBytes; i <= end; i += sliceBytes)
    crc =
      at32(t7, (crc >>> 24) ^ byte(0)) ^
      at32(t6, (crc >>> 16) ^ byte(1)) ^
      at32(t5, (crc >>> 8) ^ byte(2)) ^
      at32(t4, crc ^ byte(3)) ^
      at32(t3, byte(4)) ^
      at32(t2, byte(5)) ^
      at32(t1, byte(6)) ^
      at32(t0, byte(7))
  for (; i < to; i += 1) crc = (crc << 8) ^ at32(t0, (crc >>> 24) ^ byte(0))
  return crc >>> 0
}

// The k-th operator is what 2^k bytes of zero make of a checksum: for each of its four bytes a table. A page has fewer than 2^16 bytes.
type Operator = readonly [Int32Array, Int32Array, Int32Array, Int32Array]

const applied = ([a, b, c, d]: Operator, crc: number): number =>
  at32(a, crc >>> 24) ^ at32(b, crc >>> 16) ^ at32(c, crc >>> 8) ^ at32(d, crc)

const operatorOf = (of: (crc: number) => number): Operator => {
  const tableAt = (shift: number) =>
    Int32Array.from({ length: 256 }, (_, byte) => of(byte << shift))
  return [tableAt(24), tableAt(16), tableAt(8), tableAt(0)]
}

const lengthBits = 16
const operators: Operator[] = [operatorOf((crc) => (crc << 8) ^ divided(crc >>> 24))]
for (let k = 1; k < lengthBits; k += 1) {
  const half = operators[k - 1] as Operator
  operators.push(operatorOf((crc) => applied(half, applied(half, crc))))
}

/** As `crcOver` of so many zeros, fewer than 65,536, in some twenty steps. */
export const crcOverZeros = (start: number, count: number): number => {
  let crc = start | 0
  for (let k = 0; k < lengthBits; k += 1)
    if ((count >>> k) & 1) crc = applied(operators[k] as Operator, crc)
  return crc >>> 0
}

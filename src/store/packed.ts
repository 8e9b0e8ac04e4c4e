import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import { plainBytesMax } from '../../protocol/limits.ts'

const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MIN_QUALITY }
// No JSON begins with it.
const brotli = Buffer.from([1])

/** JSON as it is kept: UTF-8 as it stands while it is short, else by Brotli (RFC 7932) behind a byte that says so. */
export const packed = (json: string): Buffer => {
  const plain = Buffer.from(json, 'utf8')
  return plain.length <= plainBytesMax
    ? plain
    : Buffer.concat([brotli, brotliCompressSync(plain, { params })])
}

export const unpacked = (bytes: Buffer): string =>
  (bytes[0] === brotli[0] ? brotliDecompressSync(bytes.subarray(1)) : bytes).toString('utf8')

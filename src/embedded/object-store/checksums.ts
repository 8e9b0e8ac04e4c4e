import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { crc32c } from './crc32c.ts'
import { S3Fault } from './faults.ts'

export type ChecksumAlgorithm = 'crc32' | 'crc32c' | 'sha1' | 'sha256'

/** As S3 shows it: base64; of a multipart object `<base64>-<parts>`. */
export type Checksum = { readonly algorithm: ChecksumAlgorithm; readonly value: string }

type Running = { update(data: Uint8Array): unknown; digest(): Buffer }

const crcOf = (step: (data: Uint8Array, before: number) => number): Running => {
  let value = 0
  return {
    update: (data) => {
      value = step(data, value)
    },
    digest: () => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(value >>> 0)
      return bytes
    },
  }
}

const algorithms: Readonly<Record<ChecksumAlgorithm, { bytes: number; start: () => Running }>> = {
  crc32: { bytes: 4, start: () => crcOf(crc32) },
  crc32c: { bytes: 4, start: () => crcOf(crc32c) },
  sha1: { bytes: 20, start: () => createHash('sha1') },
  sha256: { bytes: 32, start: () => createHash('sha256') },
}

const isAlgorithm = (name: string): name is ChecksumAlgorithm => Object.hasOwn(algorithms, name)

export const parseAlgorithm = (name: string): ChecksumAlgorithm => {
  const lower = name.toLowerCase()
  if (isAlgorithm(lower)) return lower
  if (lower === 'crc64nvme') throw new S3Fault('NotImplemented', 'CRC-64/NVME is not verified here')
  throw new S3Fault('InvalidRequest', 'There is no such checksum algorithm')
}

export const checksumHeader = (algorithm: ChecksumAlgorithm): string =>
  `x-amz-checksum-${algorithm}`

const base64Of = (text: string, bytes: number): string => {
  const decoded = Buffer.from(text, 'base64')
  if (decoded.length !== bytes || decoded.toString('base64') !== text)
    throw new S3Fault('InvalidDigest')
  return text
}

export const digestOf = (algorithm: ChecksumAlgorithm, data: Uint8Array): string => {
  const running = algorithms[algorithm].start()
  running.update(data)
  return running.digest().toString('base64')
}

/** What a request says of its body, and what of it is promised for the trailer. */
export type Claims = {
  readonly contentMd5?: string
  /** 64 hex digits: `x-amz-content-sha256`. */
  readonly contentSha256?: string
  readonly checksum?: Checksum
  readonly trailing?: ChecksumAlgorithm
  /** Computed where nothing is claimed. */
  readonly wanted?: ChecksumAlgorithm
}

type Headers = Readonly<Record<string, string | undefined>>

const claimedChecksum = (headers: Headers): Checksum | undefined => {
  const names = Object.keys(headers).filter((name) =>
    /^x-amz-checksum-(?!type$|algorithm$|mode$)/.test(name),
  )
  const [name, second] = names
  if (second !== undefined)
    throw new S3Fault('InvalidRequest', 'One checksum is taken, not several')
  if (name === undefined) return undefined
  const algorithm = parseAlgorithm(name.slice('x-amz-checksum-'.length))
  return { algorithm, value: base64Of(headers[name] ?? '', algorithms[algorithm].bytes) }
}

const promisedChecksum = (headers: Headers): ChecksumAlgorithm | undefined => {
  const promised = headers['x-amz-trailer']
  if (promised === undefined) return undefined
  const name = /^x-amz-checksum-([a-z\d]+)$/i.exec(promised.trim())?.[1]
  if (name === undefined) throw new S3Fault('InvalidRequest', 'The trailer may be a checksum alone')
  return parseAlgorithm(name)
}

export const claimsOf = (headers: Headers, contentSha256: string | undefined): Claims => {
  const md5 = headers['content-md5']
  const checksum = claimedChecksum(headers)
  const trailing = promisedChecksum(headers)
  if (checksum && trailing) throw new S3Fault('InvalidRequest', 'One checksum is taken, not two')
  return {
    ...(md5 !== undefined && { contentMd5: base64Of(md5, 16) }),
    ...(contentSha256 !== undefined && { contentSha256 }),
    ...(checksum && { checksum }),
    ...(trailing && { trailing }),
  }
}

export type Digested = {
  /** S3's: the MD5 in hexadecimal digits, but where it was not computed. */
  readonly etag: string
  readonly checksum?: Checksum
}

export type Digest = {
  readonly update: (piece: Uint8Array) => void
  /** Throws `BadDigest` and its like where the body is not what was claimed. */
  readonly finish: (trailers: ReadonlyMap<string, string>) => Digested
}

const checkMd5 = ({ contentMd5 }: Claims, md5: Buffer | undefined): void => {
  if (contentMd5 !== undefined && md5?.toString('base64') !== contentMd5)
    throw new S3Fault('BadDigest')
}

/** Whether a body's SHA-256 names it: two hashes of all bytes would cost three times as much. */
const isNamedBySha256 = ({ checksum, contentMd5 }: Claims): boolean =>
  checksum?.algorithm === 'sha256' && contentMd5 === undefined

/** With a `-` in it, as after a multipart upload, no client takes it for an MD5. */
const etagOf = (md5: Buffer | undefined, checksum: Checksum | undefined): string =>
  md5?.toString('hex') ??
  `${Buffer.from(checksum?.value ?? '', 'base64')
    .toString('hex')
    .slice(0, 32)}-1`

const checkSum = (claims: Claims, sum: Checksum, trailers: ReadonlyMap<string, string>): void => {
  const { algorithm, value } = sum
  const said = claims.trailing
    ? base64Of(trailers.get(checksumHeader(algorithm)) ?? '', algorithms[algorithm].bytes)
    : claims.checksum?.value
  if (said !== undefined && said !== value) throw new S3Fault('BadDigest')
}

/** Everything that is claimed of a body, computed while it goes by. */
export const createDigest = (claims: Claims): Digest => {
  const algorithm = claims.checksum?.algorithm ?? claims.trailing ?? claims.wanted
  const md5 = isNamedBySha256(claims) ? undefined : createHash('md5')
  const running = algorithm && algorithms[algorithm].start()
  const sha256 = claims.contentSha256 === undefined ? undefined : createHash('sha256')
  return {
    update: (piece) => {
      md5?.update(piece)
      running?.update(piece)
      sha256?.update(piece)
    },
    finish: (trailers) => {
      const sum = md5?.digest()
      checkMd5(claims, sum)
      if (sha256?.digest('hex') !== claims.contentSha256)
        throw new S3Fault('XAmzContentSHA256Mismatch')
      if (!algorithm || !running) return { etag: etagOf(sum, undefined) }
      const checksum = { algorithm, value: running.digest().toString('base64') }
      checkSum(claims, checksum, trailers)
      return { etag: etagOf(sum, checksum), checksum }
    },
  }
}

/** The same pieces, all of which the digest has seen. */
export async function* digested(pieces: AsyncIterable<Buffer>, digest: Digest) {
  for await (const piece of pieces) {
    digest.update(piece)
    yield piece
  }
}

/** Of the parts' checksums, joined in their order. Undefined where a part has none of that algorithm. */
export const compositeOf = (
  algorithm: ChecksumAlgorithm,
  parts: readonly (Checksum | undefined)[],
): Checksum | undefined => {
  if (!parts.every((part) => part?.algorithm === algorithm)) return undefined
  const joined = Buffer.concat(parts.map((part) => Buffer.from(part?.value ?? '', 'base64')))
  return { algorithm, value: `${digestOf(algorithm, joined)}-${parts.length}` }
}

import type { Instant } from '../../protocol/instant.ts'

/**
 * The port to the object store. One adapter speaks S3, to the embedded store and to every other alike (`s3.ts`). Any call
 * may throw `ObjectStoreUnavailable`.
 */

export type ObjectHead = {
  readonly bytes: number
  /** 64 hex digits; missing where the store keeps no SHA-256 over the whole object (after a multipart upload, say). */
  readonly sha256?: string
  readonly etag: string
  readonly contentType?: string
}

export type ObjectWrite = {
  /** Exactly how many bytes the body has. */
  readonly bytes: number
  readonly contentType: string
  /** 64 hex digits, which the store compares with what it received. */
  readonly sha256?: string
  /** Only where the key holds nothing yet. */
  readonly ifNoneMatch?: '*'
}

export type Body = Uint8Array | AsyncIterable<Uint8Array>

/** `bytes` from the offset `from` on; up to the end of the object when left out. */
export type ByteRange = { readonly from: number; readonly bytes?: number }

export type MultipartUpload = { readonly key: string; readonly uploadId: string }
/** `number` from 1 to 10,000. Every part but the last has at least 5 MiB. */
export type UploadedPart = { readonly number: number; readonly etag: string }
export type PartSource = { readonly key: string; readonly range?: ByteRange }

export type ListedObject = {
  readonly key: string
  readonly bytes: number
  readonly etag: string
  readonly modifiedAt: Instant
}

export type PresignedPut = {
  readonly method: 'PUT'
  readonly url: string
  /** All of them must be sent as they are. The body's length is signed, too. */
  readonly headers: Readonly<Record<string, string>>
  readonly expiresAt: Instant
}
export type PresignedGet = { readonly url: string; readonly expiresAt: Instant }

export type PutGrant = Pick<ObjectWrite, 'contentType' | 'sha256'> & {
  /** Any length where it is left out. */
  readonly bytes?: number
  /** 1 to 604,800. */
  readonly expiresSeconds: number
}
export type GetGrant = {
  /** 1 to 604,800. */
  readonly expiresSeconds: number
  /** What the answer says as `Content-Type` and `Content-Disposition`. */
  readonly contentType?: string
  readonly disposition?: string
}

export type ObjectStore = {
  readonly head: (key: string) => Promise<ObjectHead | undefined>
  /** Throws `NoSuchObject`; the iteration throws `ObjectStoreUnavailable` when the object's bytes end early. */
  readonly read: (key: string, range?: ByteRange) => Promise<AsyncIterable<Uint8Array>>
  /** Resolves when the object is durable. Throws `PreconditionFailed`, `BodyMismatch`, and what the body throws. */
  readonly write: (key: string, body: Body, about: ObjectWrite) => Promise<void>
  /** Up to any number of keys; one that holds nothing is no fault. */
  readonly delete: (keys: readonly string[]) => Promise<void>
  /** In the order of their keys' bytes, after `after` (exclusive). */
  readonly list: (prefix: string, after?: string) => AsyncIterable<ListedObject>
  readonly createMultipart: (key: string, contentType: string) => Promise<string>
  /** Throws `NoSuchUpload`, `BodyMismatch`. */
  readonly uploadPart: (
    upload: MultipartUpload,
    number: number,
    body: Body,
    about: Pick<ObjectWrite, 'bytes' | 'sha256'>,
  ) => Promise<UploadedPart>
  /** Within the store: no byte passes through this process. Throws `NoSuchUpload`, `NoSuchObject`. */
  readonly copyPart: (
    upload: MultipartUpload,
    number: number,
    source: PartSource,
  ) => Promise<UploadedPart>
  /**
   * One object of the parts, which must be in the order of their numbers. After an answer that was lost, `NoSuchUpload` may mean
   * that it was done: `head` tells.
   */
  readonly complete: (upload: MultipartUpload, parts: readonly UploadedPart[]) => Promise<void>
  /** An upload that is not there is no fault. */
  readonly abort: (upload: MultipartUpload) => Promise<void>
  /** For one body of that length, type and hash, and only while the key holds nothing (`If-None-Match: *`, else 412). Signed here, no request. */
  readonly presignPut: (key: string, grant: PutGrant) => PresignedPut
  readonly presignGet: (key: string, grant: GetGrant) => PresignedGet
  /** Resolves when the bucket can be used; makes it where it is missing. */
  readonly ensureBucket: () => Promise<void>
  /** Resolves when the bucket answers. */
  readonly check: () => Promise<void>
  readonly close: () => void
}

/** The object store could not be reached, did not answer in time, refused for now, or refuses our keys. */
export class ObjectStoreUnavailable extends Error {
  override readonly name = 'ObjectStoreUnavailable'
}
/** The key holds an object already (or another than was asked for). */
export class PreconditionFailed extends Error {
  override readonly name = 'PreconditionFailed'
}
export class NoSuchObject extends Error {
  override readonly name = 'NoSuchObject'
}
export class NoSuchUpload extends Error {
  override readonly name = 'NoSuchUpload'
}
/** The body has another length or hash than was said of it. Nothing was stored. */
export class BodyMismatch extends Error {
  override readonly name = 'BodyMismatch'
}

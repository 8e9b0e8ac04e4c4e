/** A refusal as S3 names it; `status` and `code` are what clients decide by. */
export class S3Fault extends Error {
  override readonly name = 'S3Fault'
  readonly code: string
  readonly status: number

  constructor(code: FaultCode, message?: string, options?: ErrorOptions) {
    const [status, text] = faultTable[code]
    super(message ?? text, options)
    this.code = code
    this.status = status
  }
}

// S3's error codes (API reference, "Error responses"); StorageFull is ours: S3 knows no full disk.
const faultTable = {
  AccessDenied: [403, 'Access denied'],
  AuthorizationHeaderMalformed: [400, 'The authorization header cannot be read'],
  AuthorizationQueryParametersError: [400, 'The signature in the query is not complete'],
  BadDigest: [400, 'The body is not what its checksum says'],
  BucketAlreadyOwnedByYou: [409, 'The bucket is there already'],
  BucketNotEmpty: [409, 'The bucket holds objects'],
  EntityTooLarge: [400, 'The object is too large'],
  EntityTooSmall: [400, 'Every part but the last must have at least 5 MiB'],
  IncompleteBody: [400, 'The body ended before its length'],
  InternalError: [500, 'The object store met an error of its own'],
  InvalidAccessKeyId: [403, 'There is no such access key'],
  InvalidArgument: [400, 'An argument is not valid'],
  InvalidBucketName: [
    400,
    'A bucket is named by 3 to 63 lower-case letters, digits, dots and hyphens',
  ],
  InvalidDigest: [400, 'The checksum is not one'],
  InvalidPart: [400, 'A part is missing, or its ETag is another'],
  InvalidPartOrder: [400, 'The parts are not in the order of their numbers'],
  InvalidRange: [416, 'The range lies outside the object'],
  InvalidRequest: [400, 'The request is not valid'],
  InvalidURI: [400, 'The path cannot be decoded'],
  KeyTooLongError: [400, 'The key is too long'],
  MalformedXML: [400, 'The body is not the XML that was asked for'],
  MethodNotAllowed: [405, 'The method is not for this resource'],
  MissingContentLength: [411, 'The length of the body must be said'],
  NoSuchBucket: [404, 'There is no such bucket'],
  NoSuchKey: [404, 'There is no such object'],
  NoSuchUpload: [404, 'There is no such upload'],
  NotImplemented: [501, 'Not part of this object store'],
  PreconditionFailed: [412, 'A condition of the request does not hold'],
  RequestTimeTooSkewed: [403, 'The clocks differ by more than 15 minutes'],
  RequestTimeout: [400, 'The body came too slowly'],
  SignatureDoesNotMatch: [403, 'The signature is not the one of this request'],
  SlowDown: [503, 'Too much at once'],
  StorageFull: [507, 'The disk is full'],
  XAmzContentSHA256Mismatch: [400, 'The body is not what x-amz-content-sha256 says'],
} as const satisfies Record<string, readonly [number, string]>

export type FaultCode = keyof typeof faultTable

const systemFaults: Readonly<Record<string, FaultCode>> = {
  ENOSPC: 'StorageFull',
  EDQUOT: 'StorageFull',
  EFBIG: 'StorageFull',
  ENAMETOOLONG: 'KeyTooLongError',
  EMFILE: 'SlowDown',
  ENFILE: 'SlowDown',
}

export const systemCode = (error: unknown): string | undefined =>
  (error as NodeJS.ErrnoException)?.code

/** Whatever was thrown, as an answer. */
export const faultOf = (error: unknown): S3Fault => {
  if (error instanceof S3Fault) return error
  return new S3Fault(systemFaults[systemCode(error) ?? ''] ?? 'InternalError', undefined, {
    cause: error,
  })
}

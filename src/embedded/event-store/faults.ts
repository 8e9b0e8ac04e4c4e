import { Metadata, status } from '@grpc/grpc-js'

// A trailer holds printable ASCII alone; a name that has more is sent percent-encoded.
const inAscii = (value: string): string =>
  /^[ -~]*$/.test(value) ? value : encodeURI(value.toWellFormed())

/** How a call ends that could not be carried out: a gRPC status, and the trailers by which the client tells what it was. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: status
  readonly details: string
  readonly metadata: Metadata

  constructor(code: status, details: string, trailers: Readonly<Record<string, string>> = {}) {
    super(details)
    this.code = code
    this.details = details
    this.metadata = new Metadata()
    for (const [key, value] of Object.entries(trailers)) this.metadata.set(key, inAscii(value))
  }
}

export const invalid = (what: string): Fault => new Fault(status.INVALID_ARGUMENT, what)

export const streamDeleted = (stream: string): Fault =>
  new Fault(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  })

export const tooBig = (bytesMax: number): Fault =>
  new Fault(status.INVALID_ARGUMENT, `Maximum Append Size of ${bytesMax} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(bytesMax),
  })

export const tooLong = (bytesMax: number): Fault =>
  new Fault(status.RESOURCE_EXHAUSTED, `A request may hold ${bytesMax} bytes.`)

export const diskFull = (): Fault =>
  new Fault(status.UNAVAILABLE, 'The disk is full, or the store is stopping: nothing was written.')

/** Expected and actual versions are numbers here: −2 any, −1 no stream, −4 stream exists. */
export const wrongVersion = (stream: string, expected: number, actual: number): Fault =>
  new Fault(
    status.FAILED_PRECONDITION,
    `Append failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${expected}, Actual version: ${actual}`,
    {
      exception: 'wrong-expected-version',
      'stream-name': stream,
      'expected-version': String(expected),
      'actual-version': String(actual),
    },
  )

export const missingProperty = (name: string): Fault =>
  new Fault(status.INVALID_ARGUMENT, `Required Metadata Property '${name}' is missing`, {
    exception: 'missing-required-metadata-property',
    'required-metadata-properties': 'type,content-type',
  })

export const stopping = (): Fault => new Fault(status.UNAVAILABLE, 'The event store is stopping.')

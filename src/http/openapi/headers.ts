import { idempotencyKeyCharsMax } from '../../../protocol/limits.ts'

type Header = {
  readonly description: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly example: string
  /** A response without it is none that was described. */
  readonly always?: boolean
}

const text = { type: 'string' } as const
const position = { type: 'string', pattern: '^\\d{1,19}$' } as const
const natural = { type: 'string', pattern: '^\\d+$' } as const
const etag = { type: 'string', pattern: '^(W/)?"\\d+-[A-Za-z0-9_-]{16}"$' } as const

export const requestHeaders = {
  'Idempotency-Key': {
    description:
      'Makes the request safe to repeat, however late: the same key and body are carried out once.',
    schema: { type: 'string', pattern: `^[A-Za-z0-9_-]{1,${idempotencyKeyCharsMax}}$` },
    example: 'order-4711',
  },
  'If-Match': {
    description: 'An `ETag` that was sent; only its revision is compared.',
    schema: text,
    example: '"3-hoVKWsnTgqWSb0FU"',
  },
  'If-None-Match': {
    description: 'An `ETag` that was sent; all of it is compared.',
    schema: text,
    example: '"3-hoVKWsnTgqWSb0FU"',
  },
  'Min-Position': {
    description: 'A `Position` that was sent: the read waits, bounded, until it stands for that.',
    schema: position,
    example: '48211',
  },
  'Lapel-Project': {
    description: 'The project world that is meant, with the bearer of a node’s start.',
    schema: { type: 'string', pattern: '^proj_[0-9A-Za-z]{22}$' },
    example: 'proj_0LapelVectorsTest00001',
  },
} as const satisfies Record<string, Header>
export type RequestHeader = keyof typeof requestHeaders

export const responseHeaders = {
  'X-Request-Id': {
    description: 'Names the request in the error, the log and the events that it wrote.',
    schema: { type: 'string', pattern: '^req_[0-9A-Za-z]{22}$' },
    example: 'req_0LapelVectorRequest001',
    always: true,
  },
  ETag: {
    description: 'Revision and hash of the representation.',
    schema: etag,
    example: '"3-hoVKWsnTgqWSb0FU"',
    always: true,
  },
  Position: {
    description: 'The point of the log that the answer stands for, or that the write made.',
    schema: position,
    example: '48211',
  },
  'Idempotent-Replayed': {
    description: 'The request was carried out before; this is its present representation.',
    schema: { type: 'string', const: 'true' },
    example: 'true',
  },
  RateLimit: {
    description: 'What is left, and the seconds until all of it is (IETF draft).',
    schema: text,
    example: '"key";r=1999;t=1',
  },
  'RateLimit-Policy': {
    description: 'How many requests in how many seconds (IETF draft).',
    schema: text,
    example: '"key";q=2000;w=2',
  },
  'X-RateLimit-Limit': {
    description: 'How many requests at once.',
    schema: natural,
    example: '2000',
  },
  'X-RateLimit-Remaining': {
    description: 'How many are left.',
    schema: natural,
    example: '1999',
  },
  'X-RateLimit-Reset': {
    description: 'When all are left again, in seconds since 1970.',
    schema: natural,
    example: '1795601000',
  },
  'Retry-After': { description: 'Seconds to wait.', schema: natural, example: '1' },
  'WWW-Authenticate': {
    description: 'The credential that is wanted (RFC 6750).',
    schema: text,
    example: 'Bearer realm="lapel"',
  },
} as const satisfies Record<string, Header>
export type ResponseHeader = keyof typeof responseHeaders

export const rateHeaders = [
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
] as const satisfies readonly ResponseHeader[]

import type { z } from 'zod'
import type { HttpErrorCode } from '../../protocol/errors.ts'
import type { RequestHeader, ResponseHeader } from './openapi/headers.ts'

export const tags = {
  'End users': 'The people whom devices are bound to.',
  Devices: 'Wearables: registration, binding, tokens, health, history.',
  Recordings:
    'What wearables recorded: uploaded in chunks or in files, whose it is, what proves it.',
  'API keys': 'Keys of this world: made, rotated and revoked by keys that may.',
  Administration: 'For the command line, with the bearer of a node’s start, from its own machine.',
  Service: 'Health, figures, and this description.',
} as const
export type Tag = keyof typeof tags

/** An answer that is not an error. */
export type ReplyDescription = {
  readonly says: string
  /** Of a JSON body; a media type for text; nothing for 204. */
  readonly body?: z.ZodType | `text/${string}`
  /** One that the schema takes; none for text. */
  readonly example?: unknown
  readonly headers?: readonly ResponseHeader[]
  /** The same is to be had as lines of JSON while it goes on. */
  readonly lines?: boolean
}

/**
 * What a line of the table of routes tells about itself: the schemas are those that validate, and the OpenAPI, the README's list, the
 * matrix of isolation and the fuzz are made of it.
 */
export type Operation = {
  /** Its `operationId`. */
  readonly id: string
  readonly tag: Tag
  readonly summary: string
  readonly description?: string
  /** Of the path, by name. */
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: {
    readonly schema: z.ZodType
    readonly example: unknown
    /** Left out, it stands for `{}`. */
    readonly required: boolean
  }
  /** The body is bytes of any kind, not JSON. */
  readonly takesBytes?: true
  readonly headers?: readonly RequestHeader[]
  readonly replies: Readonly<Partial<Record<200 | 201 | 204 | 503, ReplyDescription>>>
  /** Codes beside those that follow from its access, its body and its headers. */
  readonly refusals?: readonly HttpErrorCode[]
}

import type { z } from 'zod'

export type Json = Readonly<Record<string, unknown>>

export type Message = {
  readonly name: string
  /** Below `v1/devices/{device}/`. */
  readonly path: string
  /** As Lapel sees it. */
  readonly action: 'receive' | 'send'
  readonly qos: 0 | 1
  readonly summary: string
  readonly schema: z.ZodType
  readonly example: Json
}

import * as assert from 'uvu/assert'
import type { z } from 'zod'
import { faultsOf } from '../../protocol/requests.ts'

/** The fields that a schema finds fault with. */
export const faults = (schema: z.ZodType, body: unknown): readonly string[] => {
  const result = schema.safeParse(body)
  return result.success ? [] : faultsOf(result.error).map(({ field }) => field)
}
/** Finds no fault. */
export const takes = (schema: z.ZodType, body: unknown): void =>
  assert.equal(faults(schema, body), [], JSON.stringify(body)?.slice(0, 99))
/** Finds fault with these fields and no others. */
export const refuses = (schema: z.ZodType, body: unknown, ...fields: readonly string[]): void =>
  assert.equal([...new Set(faults(schema, body))], fields, JSON.stringify(body)?.slice(0, 99))

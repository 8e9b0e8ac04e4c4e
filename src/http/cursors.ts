import { timingSafeEqual } from 'node:crypto'
import type { z } from 'zod'
import { hmacSha256 } from '../../protocol/hmac.ts'
import { invalidValue } from './problems.ts'

const macBytes = 16

// The list that a cursor was made for is under its MAC: it opens no other list and no other project's.
const macOf = (key: Uint8Array, list: string, payload: Uint8Array): Buffer =>
  hmacSha256(key).update(`${list}\0`).update(payload).digest().subarray(0, macBytes)

/** The place in a list where the next page begins, as opaque text that only we can make. */
export const sealCursor = (key: Uint8Array, list: string, place: object): string => {
  const payload = Buffer.from(JSON.stringify(place))
  return Buffer.concat([macOf(key, list, payload), payload]).toString('base64url')
}

/** The place that a cursor of that list holds. Throws 422 for any other text. */
export const openCursor = <Schema extends z.ZodType>(
  key: Uint8Array,
  list: string,
  { text, schema }: { readonly text: string; readonly schema: Schema },
): z.infer<Schema> => {
  const bytes = Buffer.from(text, 'base64url')
  const [mac, payload] = [bytes.subarray(0, macBytes), bytes.subarray(macBytes)]
  if (mac.length !== macBytes || !timingSafeEqual(mac, macOf(key, list, payload)))
    throw invalidValue('cursor', 'is no cursor of this list')
  return schema.parse(JSON.parse(payload.toString('utf8')))
}

import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { mediaId, projectId, recordingId } from './events/shapes.ts'
import { hmacSha256 } from './hmac.ts'
import type { Actor } from './ids.ts'
import { jcs } from './jcs.ts'
import { uploadTokenCharsMax } from './limits-recordings.ts'

/**
 * What an upload token says (HTTP contract, decision 9): one recording, until `exp` (seconds since 1970), and, where it was given for a
 * file, which. Without a file it uploads the chunks of the recording.
 */
const claimsSchema = z.strictObject({
  p: projectId,
  r: recordingId,
  m: mediaId.optional(),
  /** Who was given it. */
  by: z.string().transform((by) => by as Actor),
  exp: z.int().min(0),
})
export type UploadClaims = z.infer<typeof claimsSchema>

const form = /^up_([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/

const macOf = (key: Uint8Array, payload: string): Buffer =>
  hmacSha256(key).update(`lapel/upload-token/v1\n${payload}`).digest()

/** `up_` + base64url(claims) + `.` + MAC. Nothing of it is stored. */
export const mintUploadToken = (claims: UploadClaims, key: Uint8Array): string => {
  const payload = Buffer.from(jcs(claims)).toString('base64url')
  return `up_${payload}.${macOf(key, payload).toString('base64url')}`
}

const claimsIn = (payload: string): UploadClaims | undefined => {
  const parsed = claimsSchema.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString()))
  return parsed.success ? parsed.data : undefined
}

/** What the token says, or `undefined`: it is not ours, or `nowMs` is past its end. */
export const openUploadToken = (
  text: string,
  key: Uint8Array,
  nowMs: number,
): UploadClaims | undefined => {
  if (text.length > uploadTokenCharsMax) return undefined
  const [, payload, mac] = form.exec(text) ?? []
  if (payload === undefined || mac === undefined) return undefined
  if (!timingSafeEqual(Buffer.from(mac, 'base64url'), macOf(key, payload))) return undefined
  const claims = claimsIn(payload)
  return claims && claims.exp * 1_000 > nowMs ? claims : undefined
}

import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { z } from 'zod'
import { kidOf, publicKeyOf } from './envelope.ts'
import { parseInstant } from './instant.ts'
import { signableJcs } from './jcs.ts'
import { merkleRoot } from './merkle.ts'

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const instant = z.string().refine((at) => parseInstant(at) !== undefined)
const count = z.int().min(0)

/** Where an event stands in the log: its stream's revision, its commit position (decimal), and the leaf that its envelope hashes to. */
const loggedEvent = z.strictObject({
  type: z.string(),
  stream: z.string(),
  revision: count,
  position: z.string().regex(/^\d{1,19}$/),
  at: instant,
  leaf: hash,
})

/** What a certificate says of a recording that is complete. Every member is always there; `null` where there is nothing to say. */
export const certificateSchema = z.strictObject({
  v: z.literal(1),
  project: z.string(),
  recording_id: z.string(),
  device_id: z.string().nullable(),
  codec: z.string().nullable(),
  started_at: z.string().nullable(),
  ended_at: z.string().nullable(),
  duration_ms: count.nullable(),
  /** Whose recording it is, and the binding under which it was recorded: half-open, `until` null while it lasts. */
  owner: z.strictObject({
    end_user_id: z.string().nullable(),
    binding_id: z.string().nullable(),
    since: instant.nullable(),
    until: instant.nullable(),
  }),
  chunks: z
    .array(z.strictObject({ index: z.int().min(1), bytes: z.int().min(1), sha256: hash }))
    .min(1),
  /** Over the SHA-256 hashes of the chunks, 32 bytes each, in order. */
  merkle_root: hash,
  /** The one object that they were stitched into. */
  object: z.strictObject({ bytes: count, sha256: hash }),
  /** Those that decided what stands here, oldest first. */
  events: z.array(loggedEvent).min(1),
  issued_at: instant,
})
export type Certificate = z.infer<typeof certificateSchema>

/** `public_key` = base64 of the 32 raw bytes, `kid` as in the log's `SigningKeyAdded`; `sig` = base64url. */
export const signedCertificateSchema = z.strictObject({
  certificate: certificateSchema,
  kid: z.string().regex(/^[0-9a-f]{16}$/),
  public_key: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  sig: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
})
export type SignedCertificate = z.infer<typeof signedCertificateSchema>

/** `"lapel/recording-certificate/v1\n" ‖ SHA-256( JCS(certificate) )`. */
const messageOf = (certificate: Certificate): Buffer =>
  Buffer.concat([
    Buffer.from('lapel/recording-certificate/v1\n'),
    createHash('sha256').update(signableJcs(certificate)).digest(),
  ])

/** The root over chunks' hashes, 64 hex digits each. */
export const rootOfChunks = (hashes: Iterable<string>): string =>
  merkleRoot(
    (function* () {
      for (const one of hashes) yield Buffer.from(one, 'hex')
    })(),
  )

type Signer = { readonly privateKey: KeyObject; readonly publicKey: Buffer }

/** Ed25519 (RFC 8032). */
export const signCertificate = (
  certificate: Certificate,
  { privateKey, publicKey }: Signer,
): SignedCertificate => ({
  certificate,
  kid: kidOf(publicKey),
  public_key: publicKey.toString('base64'),
  sig: sign(null, messageOf(certificate), privateKey).toString('base64url'),
})

export type CheckedCertificate =
  | { readonly kind: 'good'; readonly signed: SignedCertificate }
  | { readonly kind: 'bad'; readonly because: string }

const bad = (because: string): CheckedCertificate => ({ kind: 'bad', because })

const inOrder = ({ chunks }: Certificate): boolean =>
  chunks.every(({ index }, at) => index === at + 1)

/**
 * Whether a document is a certificate that the key signed, and agrees with itself: chunks without a gap, the root over them. `publicKey`
 * is 32 raw bytes; without one the document's own key is taken, which proves that it is whole and not who made it.
 */
export const checkCertificate = (document: unknown, publicKey?: Uint8Array): CheckedCertificate => {
  const parsed = signedCertificateSchema.safeParse(document)
  if (!parsed.success) return bad('it is no certificate of a recording')
  const { certificate, kid, public_key, sig } = parsed.data
  const named = Buffer.from(public_key, 'base64')
  if (publicKey && !named.equals(publicKey)) return bad('it is signed with another key')
  if (kidOf(named) !== kid) return bad('its kid is not that of its key')
  const bytes = Buffer.from(sig, 'base64url')
  // A signature has one spelling: decoding forgives what this does not (RFC 4648, 3.5).
  const isSpelledRight = bytes.toString('base64url') === sig
  if (!isSpelledRight || !verify(null, messageOf(certificate), publicKeyOf(named), bytes))
    return bad('its signature is wrong')
  if (!inOrder(certificate)) return bad('its chunks are not 1 to the last without a gap')
  if (rootOfChunks(certificate.chunks.map(({ sha256 }) => sha256)) !== certificate.merkle_root)
    return bad('its Merkle root is not that of its chunks')
  return { kind: 'good', signed: parsed.data }
}

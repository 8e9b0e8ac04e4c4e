import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { z } from 'zod'
import { parseInstant } from './instant.ts'
import { signableJcs } from './jcs.ts'

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))

/** The signed statement about one lifecycle event. All members are always present; without a value they are `null`. */
export const assertionSchema = z.strictObject({
  v: z.literal(1),
  project: z.string().nullable(),
  stream: z.string(),
  rev: z.int().min(0),
  type: z.string(),
  at: z.string().refine((at) => parseInstant(at) !== undefined),
  actor: z.string(),
  request_id: z.string().nullable(),
  causation: z.string().nullable(),
  dh: hex(64),
  prev: hex(64),
  kid: hex(16),
})
export type Assertion = z.infer<typeof assertionSchema>

/** The metadata of each event in a stream that begins with `proj_` or `sys.`. `idem` and `body` are not signed. */
export const envelopeSchema = z.strictObject({
  a: assertionSchema,
  sig: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
  idem: z.string().optional(),
  body: z.string().optional(),
})
export type Envelope = z.infer<typeof envelopeSchema>

type Members = Readonly<Record<string, unknown>>

const hex64 = /^[0-9a-f]{64}$/
const hex16 = /^[0-9a-f]{16}$/
const signature = /^[A-Za-z0-9_-]{86}$/

const isText = (value: unknown): value is string => typeof value === 'string'
const isTextOrNull = (value: unknown): boolean => value === null || isText(value)
const isOf = (form: RegExp, value: unknown): boolean => isText(value) && form.test(value)
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0

// Those below: with one more in the schema none is found at once.
const assertionMembers = 12

// Written out: a loop over checks takes twice as long.
const hasTexts = ({ project, stream, type, actor, request_id, causation }: Members): boolean =>
  isTextOrNull(project) &&
  isText(stream) &&
  isText(type) &&
  isText(actor) &&
  isTextOrNull(request_id) &&
  isTextOrNull(causation)
const hasForms = ({ v, rev, at, dh, prev, kid }: Members): boolean =>
  v === 1 &&
  isCount(rev) &&
  parseInstant(at) !== undefined &&
  isOf(hex64, dh) &&
  isOf(hex64, prev) &&
  isOf(hex16, kid)

const isAssertion = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(value).length === assertionMembers &&
  hasTexts(value as Members) &&
  hasForms(value as Members)

const isOptionalText = (value: unknown): boolean => value === undefined || isText(value)

/**
 * Whether it is an envelope for certain, found in less than half the time that the schema takes: each event of the log passes here. Where it
 * is `false` the schema decides, and says why.
 */
export const isEnvelope = (value: unknown): value is Envelope => {
  if (typeof value !== 'object' || value === null) return false
  const { a, sig, idem, body } = value as Members
  const optional = (idem === undefined ? 0 : 1) + (body === undefined ? 0 : 1)
  return (
    Object.keys(value).length === 2 + optional &&
    isOptionalText(idem) &&
    isOptionalText(body) &&
    isOf(signature, sig) &&
    isAssertion(a)
  )
}

const text = String.raw`"[^"\\\u0000-\u001f]*"`
const captured = String.raw`"([^"\\\u0000-\u001f]*)"`
const textOrNull = `(?:null|${text})`
const plainAssertion = [
  '"v":1',
  `"project":${textOrNull}`,
  `"stream":${captured}`,
  String.raw`"rev":(0|[1-9]\d{0,14})`,
  `"type":${captured}`,
  `"at":${captured}`,
  `"actor":${text}`,
  `"request_id":${textOrNull}`,
  `"causation":${textOrNull}`,
  '"dh":"[0-9a-f]{64}"',
  '"prev":"[0-9a-f]{64}"',
  '"kid":"[0-9a-f]{16}"',
].join()
const plainEnvelope = new RegExp(
  `^\\{"a":\\{${plainAssertion}\\},"sig":"[A-Za-z0-9_-]{86}"(?:,"idem":${text})?(?:,"body":${text})?\\}$`,
)

/** Of which event an envelope speaks, and when that was. */
export type About = Pick<Assertion, 'stream' | 'rev' | 'type' | 'at'>

/**
 * What an envelope's JSON says, as it is written here: without escapes, its members in order. `undefined`: it has to be parsed. `text` holds a
 * byte a character (ISO 8859-1): what is not ASCII is not what was meant.
 */
export const aboutIn = (text: string): About | undefined => {
  const met = plainEnvelope.exec(text)
  if (!met) return undefined
  const [, stream = '', rev, type = '', at = ''] = met
  return parseInstant(at) === undefined ? undefined : { stream, rev: Number(rev), type, at }
}

/** `prev` of the first event of a stream. */
export const zeroHash = '0'.repeat(64)

/** SHA-256( salt ‖ JCS(data without `salt`) ), lower hex. `salt` is base64url of 32 bytes. */
export const dataHash = (salt: string, data: object): string =>
  hash(
    'sha256',
    Buffer.concat([
      Buffer.from(salt, 'base64url'),
      Buffer.from(signableJcs({ ...data, salt: undefined }), 'utf8'),
    ]),
  )

/** SHA-256( 0x00 ‖ JCS(a) ): the leaf of RFC 6962 (section 2.1), lower hex. */
export const leafHash = (a: Assertion): string => hash('sha256', `\0${signableJcs(a)}`)

const eventMessage = (leaf: string): Buffer =>
  Buffer.concat([Buffer.from('lapel/event/v1\n'), Buffer.from(leaf, 'hex')])

const keyMessage = (publicKey: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from('lapel/key/v1\n'), publicKey])

/** Ed25519 (RFC 8032) over `"lapel/event/v1\n" ‖ leaf`, base64url. */
export const signLeaf = (leaf: string, key: KeyObject): string =>
  sign(null, eventMessage(leaf), key).toString('base64url')

/** Ed25519 by an older key (or by itself, for the first) over `"lapel/key/v1\n" ‖ public key`, base64url. */
export const signKey = (publicKey: Uint8Array, by: KeyObject): string =>
  sign(null, keyMessage(publicKey), by).toString('base64url')

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** The 32 raw bytes of an Ed25519 public key as a key object (RFC 8410). */
export const publicKeyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' })

/** First 16 hex digits of SHA-256 of the 32-byte public key. */
export const kidOf = (raw: Uint8Array): string => hash('sha256', raw).slice(0, 16)

// A signature has one spelling: decoding forgives what this does not (RFC 4648, 3.5).
const verifyText = (message: Buffer, sig: string, key: KeyObject): boolean => {
  const bytes = Buffer.from(sig, 'base64url')
  return bytes.toString('base64url') === sig && verify(null, message, key, bytes)
}

/** Whether the signature is that key's, over that leaf. Malformed signatures are `false`. */
export const verifyLeaf = (leaf: string, sig: string, key: KeyObject): boolean =>
  verifyText(eventMessage(leaf), sig, key)

/** Whether the signature under a new key is that of the key `by`. */
export const verifyKey = (publicKey: Uint8Array, sig: string, by: KeyObject): boolean =>
  verifyText(keyMessage(publicKey), sig, by)

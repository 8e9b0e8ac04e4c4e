import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { link, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { kidOf } from '../protocol/envelope.ts'
import { secretsBytesMax } from '../protocol/limits.ts'
import type { Secrets, SigningPair } from './store/keyring.ts'

export type LoadedSecrets =
  /** `created`: made just now, which main refuses against a log that already holds events. */
  | { readonly kind: 'secrets'; readonly secrets: Secrets; readonly created: boolean }
  | { readonly kind: 'refused'; readonly because: string }

const keyBytes = 32
const othersBits = 0o077

const errorCode = (error: unknown) => (error as NodeJS.ErrnoException).code

const publicBytes = (privateKey: KeyObject): Buffer =>
  Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url')

// 8 to 16 hex digits. Eight to ten decimal ones alone would be moved to the front by JSON.parse, which
// puts what looks like an array's index first: the order of age would be lost.
const kidForm = /^(?=.*[a-f]|.{11,})[0-9a-f]{8,16}$/
const kid = z
  .string()
  .regex(
    kidForm,
    'its name must be 8 to 16 hex digits, with a letter among them when shorter than 11',
  )

const base64Key = z.string().transform((text, context) => {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text || bytes.length !== keyBytes) {
    context.addIssue(`must be ${keyBytes} bytes in base64`)
    return z.NEVER
  }
  return bytes
})

const ed25519Of = (pem: string): KeyObject | undefined => {
  try {
    const key = createPrivateKey(pem)
    return key.asymmetricKeyType === 'ed25519' ? key : undefined
  } catch {
    return undefined
  }
}

const signingPem = z.string().transform((pem, context): SigningPair => {
  const privateKey = ed25519Of(pem)
  if (privateKey) return { privateKey, publicKey: publicBytes(privateKey) }
  context.addIssue('must be an Ed25519 private key in PEM (PKCS#8)')
  return z.NEVER
})

const mapOf = <Value extends z.ZodType>(value: Value) =>
  z
    .record(kid, value)
    .refine((entries) => Object.keys(entries).length > 0, 'must have at least one entry')
    .transform((entries) => new Map(Object.entries(entries)))

const secretsFile = z.object({
  pepper: mapOf(base64Key),
  signing: mapOf(signingPem).superRefine((keys, context) => {
    for (const [name, { publicKey }] of keys)
      if (name !== kidOf(publicKey))
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `must be named ${kidOf(publicKey)}`,
        })
  }),
  kek: mapOf(base64Key),
  project_hmac: base64Key,
  cursor: base64Key,
})

/** What the file's text says, or which member is wrong. Values never stand in the message. */
export const parseSecrets = (text: string): Secrets | { readonly problem: string } => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { problem: 'it is not JSON' }
  }
  const parsed = secretsFile.safeParse(json)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'it'}: ${message}`,
    )
    return { problem: problems.join('; ') }
  }
  const { pepper, signing, kek, project_hmac, cursor } = parsed.data
  return { pepper, signing, kek, projectHmac: project_hmac, cursor }
}

const makeText = (): string => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
  const random = () => randomBytes(keyBytes).toString('base64')
  const newKid = () => randomBytes(8).toString('hex')
  const file = {
    pepper: { [newKid()]: random() },
    signing: { [kidOf(publicBytes(privateKey))]: pem },
    kek: { [newKid()]: random() },
    project_hmac: random(),
    cursor: random(),
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

/** Puts the complete file in place unless one stands there: of two first starts one wins, both read that one. */
const placeOnce = async (made: string, file: string): Promise<boolean> => {
  try {
    await link(made, file)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(errorCode(error) ?? '')) throw error
    await rename(made, file) // a file system without hard links: no race is decided there
    return true
  }
}

const makeFile = async (file: string): Promise<boolean> => {
  const folder = dirname(file)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const made = `${file}.${randomBytes(6).toString('hex')}`
  const handle = await open(made, 'wx', 0o600)
  try {
    await handle.writeFile(makeText())
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    return await placeOnce(made, file)
  } finally {
    await rm(made, { force: true })
    const entries = await open(folder, 'r')
    await entries.sync().finally(() => entries.close())
  }
}

type FileText = { readonly text: string } | { readonly problem: string } | undefined

/** The text of the file, checked on the very handle it is read from; undefined when there is none. */
const readGuarded = async (file: string): Promise<FileText> => {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (!handle) return undefined
  try {
    const { mode, size } = await handle.stat()
    if ((mode & othersBits) !== 0)
      return { problem: `others can read it: chmod 600 ${file} (and make new secrets if they did)` }
    if (size > secretsBytesMax) return { problem: `it is larger than ${secretsBytesMax} bytes` }
    return { text: await handle.readFile('utf8') }
  } finally {
    await handle.close()
  }
}

const refused = (file: string, problem: string): LoadedSecrets => ({
  kind: 'refused',
  because: `the secrets file ${file} (LAPEL_SECRETS) is refused: ${problem}`,
})

/** Reads the secrets file; makes it, 0600 and complete or not at all, where there is none. */
export const loadSecrets = async (file: string): Promise<LoadedSecrets> => {
  try {
    const found = await readGuarded(file)
    const created = found === undefined && (await makeFile(file))
    const read = found ?? (await readGuarded(file)) ?? { problem: 'it vanished while it was read' }
    if ('problem' in read) return refused(file, read.problem)
    const secrets = parseSecrets(read.text)
    if ('problem' in secrets) return refused(file, secrets.problem)
    return { kind: 'secrets', secrets, created }
  } catch (error) {
    return refused(file, (error as Error).message)
  }
}

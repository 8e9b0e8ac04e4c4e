import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { checkCertificate, type SignedCertificate } from '../../protocol/certificate.ts'
import { CommandFailed, Misuse } from './api.ts'
import { type Context, outputOf } from './context.ts'
import { record, show } from './output.ts'

type Options = { readonly key?: string; readonly audio?: string; readonly json?: boolean }

const keyOf = (text: string | undefined): Buffer | undefined => {
  if (text === undefined) return undefined
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 32 || bytes.toString('base64') !== text)
    throw new Misuse('--key must be an Ed25519 public key: 32 bytes in base64')
  return bytes
}

const readable = (path: string, error: unknown): CommandFailed =>
  new CommandFailed(`${path} cannot be read: ${(error as Error).message}`, { cause: error })

const documentIn = async (path: string): Promise<unknown> => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw readable(path, error)
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CommandFailed(`${path} is refused: it is not JSON`, { cause: error })
  }
}

const hashOf = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash).catch((error: unknown) => {
    throw readable(path, error)
  })
  return hash.digest('hex')
}

const checkAudio = async (path: string, { certificate }: SignedCertificate): Promise<string> => {
  if ((await hashOf(path)) !== certificate.object.sha256)
    throw new CommandFailed(`${path} is not the audio that the certificate speaks of`)
  return 'the audio of the certificate'
}

const verifyRecording = async (context: Context, file: string, options: Options): Promise<void> => {
  const key = keyOf(options.key)
  const path = resolve(context.cwd, file)
  const checked = checkCertificate(await documentIn(path), key)
  if (checked.kind === 'bad') throw new CommandFailed(`${path} is refused: ${checked.because}`)
  const { certificate, kid, public_key } = checked.signed
  const audio =
    options.audio && (await checkAudio(resolve(context.cwd, options.audio), checked.signed))
  const { recording_id, device_id, owner, chunks, merkle_root, object } = certificate
  const verified = {
    recording_id,
    device_id,
    end_user_id: owner.end_user_id,
    binding_id: owner.binding_id,
    chunks: chunks.length,
    bytes: object.bytes,
    sha256: object.sha256,
    merkle_root,
    kid,
    signed_by: key ? 'the key that was given' : `the key that it names, ${public_key}: compare it`,
    audio: audio ?? 'not compared (--audio names it)',
  }
  show(outputOf(context, options), verified, () => record(verified))
}

/** What an auditor checks: without a node, a network or a database. */
export const addAudit = (program: Command, context: Context): void => {
  program
    .command('audit')
    .description('check proofs; needs neither a node nor a network')
    .command('verify-recording')
    .description('check the certificate of a recording: its signature, its chunks, its audio')
    .argument('<file>', 'the certificate, as GET /v1/recordings/{id}/certificate gave it')
    .option('--key <base64>', 'the public key that must have signed it; its own when left out')
    .option('--audio <file>', 'the audio, whose hash must be that of the certificate')
    .option('--json', 'print one JSON document')
    .action((file: string, options: Options) => verifyRecording(context, file, options))
}

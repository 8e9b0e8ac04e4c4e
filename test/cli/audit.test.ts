import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { signCertificate } from '../../protocol/certificate.ts'
import { sampleCertificate } from '../support/certificate.ts'
import { runCli } from '../support/run-cli.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const test = suite('lapel audit')
const folder = await temporaryFolder()
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
const other = Buffer.alloc(32, 7).toString('base64')

const put = async (name: string, text: string) => {
  const path = join(folder.path, name)
  await writeFile(path, text)
  return path
}

const signed = signCertificate(sampleCertificate('abcdefgh'), { privateKey, publicKey: raw })
const file = await put('certificate.json', JSON.stringify(signed))
const audio = await put('audio.mp3', 'abcdefgh')
const foreign = await put('other.mp3', 'abcdefgH')
const tampered = await put('tampered.json', JSON.stringify({ ...signed, kid: '0'.repeat(16) }))
const noJson = await put('no.json', '{')

const verify = (...args: readonly string[]) => runCli(['audit', 'verify-recording', ...args])

test('says what a good certificate proves, from the file and the key alone', async () => {
  const key = raw.toString('base64')
  const { code, stdout } = await verify(file, '--key', key, '--audio', audio, '--json')
  assert.is(code, 0)
  const shown = JSON.parse(stdout)
  assert.is(shown.recording_id, 'rec_1')
  assert.is(shown.end_user_id, 'eu_1')
  assert.is(shown.chunks, 3)
  assert.is(shown.signed_by, 'the key that was given')
  const alone = await verify(file)
  assert.is(alone.code, 0)
  assert.ok(alone.stdout.includes(key))
})

test('refuses what it does not prove', async () => {
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[tampered], 1, /kid/],
    [[noJson], 1, /not JSON/],
    [[join(folder.path, 'missing')], 1, /cannot be read/],
    [[file, '--key', other], 1, /another key/],
    [[file, '--audio', foreign], 1, /not the audio/],
    [[file, '--audio', join(folder.path, 'missing')], 1, /cannot be read/],
    [[file, '--key', 'short'], 2, /32 bytes/],
  ]
  for (const [args, code, says] of cases) {
    const ran = await verify(...args)
    assert.is(ran.code, code, args.join(' '))
    assert.match(ran.stderr, says)
  }
})

test.after(folder.remove)
test.run()

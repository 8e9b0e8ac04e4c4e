import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { kidOf } from '../protocol/envelope.ts'
import { secretsBytesMax } from '../protocol/limits.ts'
import { loadSecrets, parseSecrets } from '../src/config-secrets.ts'
import { superviseChild } from '../src/embedded/child-process.ts'
import { newestOf, type Secrets } from '../src/store/keyring.ts'
import { keepLog } from './support/keep-log.ts'
import { temporaryFolder } from './support/temporary-folder.ts'

const test = suite('config-secrets')

const folder = await temporaryFolder()
test.after(folder.remove)

let files = 0
const newFile = () => join(folder.path, `${files++}`, 'secrets.json')

const load = async (file: string): Promise<{ secrets: Secrets; created: boolean }> => {
  const loaded = await loadSecrets(file)
  if (loaded.kind === 'refused') throw new Error(loaded.because)
  return loaded
}

const because = async (file: string): Promise<string> => {
  const loaded = await loadSecrets(file)
  return loaded.kind === 'refused' ? loaded.because : 'it was taken'
}

test('made on the first start, 0600, and the same on the second', async () => {
  const file = newFile()
  const first = await load(file)
  assert.is(first.created, true)
  assert.is((await stat(file)).mode & 0o777, 0o600)
  assert.equal(await readdir(join(file, '..')), ['secrets.json'])
  const second = await load(file)
  assert.is(second.created, false)
  assert.equal([...second.secrets.pepper], [...first.secrets.pepper])
  assert.equal([...second.secrets.kek], [...first.secrets.kek])
  assert.equal(second.secrets.projectHmac, first.secrets.projectHmac)
  assert.equal(second.secrets.cursor, first.secrets.cursor)
  const json = JSON.parse(await readFile(file, 'utf8'))
  assert.equal(Object.keys(json), ['pepper', 'signing', 'kek', 'project_hmac', 'cursor'])
})

test('its keys: 32 bytes, Ed25519, kid by SHA-256 of the public key', async () => {
  const { secrets } = await load(newFile())
  const [kid, value] = newestOf(secrets.signing)
  assert.is(value.publicKey.length, 32)
  assert.is(kid, kidOf(value.publicKey))
  assert.match(kid, /^[0-9a-f]{16}$/)
  assert.is(value.privateKey.asymmetricKeyType, 'ed25519')
  assert.equal(
    createPublicKey(value.privateKey).export({ format: 'der', type: 'spki' }).subarray(-32),
    value.publicKey,
  )
  for (const bytes of [
    newestOf(secrets.pepper)[1],
    newestOf(secrets.kek)[1],
    secrets.projectHmac,
    secrets.cursor,
  ])
    assert.is(bytes.length, 32)
})

const startTogether = (file: string) => {
  const source = new URL('../src/config-secrets.ts', import.meta.url).href
  return superviseChild({
    name: 'first start',
    command: process.execPath,
    args: [
      '--input-type=module',
      '-e',
      `import { loadSecrets } from '${source}'
       const loaded = await loadSecrets('${file}')
       console.log('ready', loaded.created, loaded.kind === 'secrets' ? loaded.secrets.cursor.toString('hex') : loaded.because)
       process.stdin.on('end', () => process.exit(0)).resume()`,
    ],
    readyLine: /^ready (true|false) (\S+)/,
    restart: 'never',
    log: keepLog().log,
  })
}

test('of first starts at once one makes it, all read that one', async () => {
  const file = newFile()
  const starts = await Promise.all([1, 2, 3, 4].map(() => startTogether(file)))
  assert.is(starts.filter(({ ready }) => ready[1] === 'true').length, 1)
  assert.is(new Set(starts.map(({ ready }) => ready[2])).size, 1)
  await Promise.all(starts.map((start) => start.stop()))
  const many = newFile()
  const loaded = await Promise.all(Array.from({ length: 20 }, () => load(many)))
  assert.is(loaded.filter(({ created }) => created).length, 1)
  assert.is(new Set(loaded.map(({ secrets }) => secrets.cursor.toString('hex'))).size, 1)
})

for (const mode of [0o640, 0o604, 0o620, 0o601])
  test(`refused with mode ${mode.toString(8)}: the message says chmod`, async () => {
    const file = newFile()
    await load(file)
    await chmod(file, mode)
    assert.match(await because(file), /chmod 600 .*secrets\.json/)
    await chmod(file, 0o600)
    assert.is((await load(file)).created, false)
  })

const validJson = async () => JSON.parse(await readFile(await madeFile(), 'utf8'))
const madeFile = async () => {
  const file = newFile()
  await load(file)
  return file
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  format: 'pem',
  type: 'pkcs8',
})

const spoiled: readonly (readonly [
  string,
  (json: ReturnType<typeof JSON.parse>) => void,
  RegExp,
])[] = [
  ['no pepper', (json) => delete json.pepper, /pepper/],
  ['an empty kek map', (json) => Object.assign(json, { kek: {} }), /kek: must have at least one/],
  [
    'a short pepper',
    (json) => Object.assign(json.pepper, { abcdef01: 'AAAA' }),
    /pepper\.abcdef01: must be 32 bytes/,
  ],
  [
    'no base64',
    (json) => Object.assign(json, { cursor: '!'.repeat(43) }),
    /cursor: must be 32 bytes/,
  ],
  ['a number', (json) => Object.assign(json, { project_hmac: 7 }), /project_hmac/],
  [
    'no PEM',
    (json) => Object.assign(json.signing, { abcdef0123456789: 'x' }),
    /signing\.abcdef0123456789: must be an Ed25519/,
  ],
  [
    'RSA',
    (json) => Object.assign(json.signing, { abcdef0123456789: rsa }),
    /signing\.abcdef0123456789: must be an Ed25519/,
  ],
  [
    'a key under another kid',
    (json) =>
      Object.assign(json, { signing: { abcdef0123456789: Object.values(json.signing)[0] } }),
    /signing\.abcdef0123456789: must be named [0-9a-f]{16}/,
  ],
  [
    'a kid of eight digits',
    (json) => Object.assign(json.kek, { 12345678: json.cursor }),
    /kek\.12345678/,
  ],
  [
    'a kid that is no hex',
    (json) => Object.assign(json.kek, { nonsense: json.cursor }),
    /kek\.nonsense/,
  ],
]

for (const [name, spoil, message] of spoiled)
  test(`refused: ${name}; the member is named, no value shown`, async () => {
    const json = await validJson()
    const secret: string = json.project_hmac
    spoil(json)
    const file = newFile()
    await mkdir(join(file, '..'))
    await writeFile(file, JSON.stringify(json), { mode: 0o600 })
    const told = await because(file)
    assert.match(told, message)
    assert.match(told, /LAPEL_SECRETS/)
    assert.not.match(told, secret)
  })

test('refused: not JSON, cut short, too large; never overwritten', async () => {
  const text = await readFile(await madeFile(), 'utf8')
  for (const bad of [
    '',
    'null',
    '[]',
    text.slice(0, -10),
    `${text}${' '.repeat(secretsBytesMax)}`,
  ]) {
    const file = newFile()
    await mkdir(join(file, '..'))
    await writeFile(file, bad, { mode: 0o600 })
    assert.match(await because(file), /is refused/, bad.slice(0, 20))
    assert.is(await readFile(file, 'utf8'), bad)
  }
})

test('a file at the size limit is taken', async () => {
  const file = await madeFile()
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.padEnd(secretsBytesMax))
  assert.is((await load(file)).created, false)
})

test('the newest entry is the last one', async () => {
  const json = await validJson()
  json.pepper = { ...json.pepper, '0000aaaa': json.cursor }
  const parsed = parseSecrets(JSON.stringify(json))
  if ('problem' in parsed) throw new Error(parsed.problem)
  assert.is(newestOf(parsed.pepper)[0], '0000aaaa')
  assert.is(parsed.pepper.size, 2)
})

test.run()

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId } from '../../protocol/ids.ts'
import { open, openAll, seal } from '../../src/store/seal.ts'
import { createVault, SubjectErased, VaultUnavailable } from '../../src/store/vault.ts'
import { freshDatabase } from '../support/database.ts'
import { freshSecrets } from '../support/secrets.ts'

const test = suite('vault')
const database = await freshDatabase()
const pool = new pg.Pool({ connectionString: database.url, max: 4 })
const db = new Kysely<never>({ dialect: new PostgresDialect({ pool }) })
const schema = await readFile(
  new URL('../../projections/schema/0001-vault.sql', import.meta.url),
  'utf8',
)
await pool.query(schema)

const project = newId('proj_', randomBytes)
const secrets = freshSecrets()
const vaultWith = (used = secrets) =>
  createVault({ db, secrets: used, random: randomBytes, now: Date.now })

test('what is sealed opens under its key alone', () => {
  const [key, other] = [randomBytes(32), randomBytes(32)]
  const box = seal({ name: 'Ada', n: 1.5 }, key, randomBytes)
  assert.equal(open(box, key), { name: 'Ada', n: 1.5 })
  assert.is(open(box, other), undefined)
  assert.is(open('', key), undefined)
  assert.is(open(box.slice(0, 40), key), undefined)
})

test('sealed objects lie over each other, oldest first', () => {
  const key = randomBytes(32)
  const boxes = [{ a: 1, b: 1 }, { b: 2 }].map((object) => seal(object, key, randomBytes))
  assert.equal(openAll([...boxes, 'AAAA'], key), { a: 1, b: 2 })
})

test('a key is made once, whoever asks, and is found by a node that never saw it', async () => {
  const subject = newId('eu_', randomBytes)
  const nodes = Array.from({ length: 8 }, () => vaultWith())
  const keys = await Promise.all(nodes.map((vault) => vault.keyFor(project, subject)))
  assert.is(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size, 1)
  assert.equal(Buffer.from((await vaultWith().keyOf(subject)) ?? []), Buffer.from(keys[0] ?? []))
})

test('an unknown subject has no key', async () => {
  assert.is(await vaultWith().keyOf('eu_unknown'), undefined)
  assert.is((await vaultWith().keysOf(['eu_unknown'])).size, 0)
})

test('many keys are read at once, cached or not', async () => {
  const vault = vaultWith()
  const subjects = Array.from({ length: 5 }, () => newId('dev_', randomBytes))
  for (const subject of subjects) await vault.keyFor(project, subject)
  for (const one of [vault, vaultWith()])
    assert.is((await one.keysOf([...subjects, ...subjects, 'dev_none'])).size, 5)
})

test('a tombstone is never made anew', async () => {
  const subject = newId('eu_', randomBytes)
  await vaultWith().keyFor(project, subject)
  await pool.query(
    'update vault.subject_keys set wrapped = null, erased_at = now() where subject = $1',
    [subject],
  )
  const vault = vaultWith()
  assert.is(await vault.keyOf(subject), undefined)
  const failure = await vault.keyFor(project, subject).catch((error: unknown) => error)
  assert.instance(failure, SubjectErased)
})

test('the stored form opens nothing without the key-encryption key', async () => {
  const subject = newId('eu_', randomBytes)
  const key = await vaultWith().keyFor(project, subject)
  const { rows } = await pool.query('select wrapped from vault.subject_keys where subject = $1', [
    subject,
  ])
  assert.not.ok((rows[0].wrapped as Buffer).includes(Buffer.from(key)))
  const failure = await vaultWith(freshSecrets())
    .keyOf(subject)
    .catch((error: unknown) => error)
  assert.match(String(failure), /kek/)
})

test('a Postgres that cannot be reached is VaultUnavailable', async () => {
  const lost = new pg.Pool({ host: '127.0.0.1', port: 1, connectionTimeoutMillis: 500 })
  const vault = createVault({
    db: new Kysely<never>({ dialect: new PostgresDialect({ pool: lost }) }),
    secrets,
    random: randomBytes,
    now: Date.now,
  })
  const failure = await vault.keyFor(project, 'eu_x').catch((error: unknown) => error)
  assert.instance(failure, VaultUnavailable)
  await lost.end()
})

test.after(async () => {
  await pool.end()
  await database.drop()
})

test.run()

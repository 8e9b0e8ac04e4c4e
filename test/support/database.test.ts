import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshDatabase } from './database.ts'
import { until } from './until.ts'

const test = suite('test databases')

const query = async (url: string, sql: string): Promise<unknown[]> => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('each is empty and its own; after drop it is gone', async () => {
  const [a, b] = await Promise.all([freshDatabase(), freshDatabase()])
  await query(a.url, 'create table t (n int)')
  assert.equal(await query(b.url, "select to_regclass('t') as t"), [{ t: null }])
  await Promise.all([a.drop(), a.drop(), b.drop()])
  assert.match(
    await query(a.url, 'select 1').then(
      () => 'it is there',
      (error: Error) => error.message,
    ),
    /does not exist|ECONNREFUSED/,
  )
})

test('without a server given it starts its own, and the process ends after drop', async () => {
  const source = `
    import { freshDatabase } from '${new URL('./database.ts', import.meta.url).href}'
    const [a, b] = await Promise.all([freshDatabase(), freshDatabase()])
    console.log(new URL(a.url).port === new URL(b.url).port && a.url !== b.url)
    await a.drop()
    await b.drop()`
  const { LAPEL_TEST_DATABASE_URL: _given, ...env } = process.env
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', source],
    { env, cwd: fileURLToPath(new URL('../..', import.meta.url)), timeout: 30_000 },
  )
  assert.is(stdout, 'true\n')
})

test('until: the first value that is there, or an error that says what was awaited', async () => {
  const values = [undefined, null, false, 0]
  assert.is(await until(() => values.shift(), { what: 'a value' }), 0)
  let calls = 0
  const flaky = () => {
    calls += 1
    if (calls < 3) throw new Error('not yet')
    return 'there'
  }
  assert.is(await until(flaky, { what: 'it' }), 'there')
  const late = await until(() => false, { msMax: 50, what: 'the moon' }).catch(
    (error: Error) => error,
  )
  assert.match(String(late), /waited 50 ms in vain for the moon \(last: false\)/)
})

test.run()

import type { PoolClient } from 'pg'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sideBySide } from '../../src/projecting/side-by-side.ts'
import { freshDatabase } from '../support/database.ts'

const test = suite('work on several connections')
const database = await freshDatabase()

const { signal } = new AbortController()

const within = async (
  max: number,
  run: (pool: pg.Pool, client: PoolClient) => Promise<void>,
): Promise<void> => {
  const pool = new pg.Pool({
    connectionString: database.url,
    max,
    connectionTimeoutMillis: 30_000,
  })
  const client = await pool.connect()
  // There is no other to be had: it is soon told.
  if (max === 1) pool.options.connectionTimeoutMillis = 100
  try {
    await run(pool, client)
  } finally {
    client.release()
    await pool.end()
  }
}

/** Work that ends when all of them were begun. */
const meeting = (count: number) => {
  const met = new Set<PoolClient>()
  const all = Promise.withResolvers<void>()
  const work = async (client: PoolClient) => {
    await client.query('select 1')
    met.add(client)
    if (met.size === count) all.resolve()
    await all.promise
  }
  return { met, works: Array.from({ length: count }, () => work) }
}

test('each has a connection, the one that was there is one of them, and all are given back', async () => {
  await within(3, async (pool, client) => {
    const { met, works } = meeting(3)
    await sideBySide({ client, pool, signal, max: 3 }, works)
    assert.is(met.size, 3)
    assert.ok(met.has(client))
    assert.equal([pool.totalCount, pool.idleCount], [3, 2])
  })
})

test('no more connections are used than may be, nor more than there is work', async () => {
  await within(5, async (pool, client) => {
    const used = new Set<PoolClient>()
    const work = async (on: PoolClient) => {
      used.add(on)
      await on.query('select 1')
    }
    await sideBySide(
      { client, pool, signal, max: 2 },
      Array.from({ length: 20 }, () => work),
    )
    assert.ok(used.size <= 2)
    assert.ok(pool.totalCount <= 2)
    await sideBySide({ client, pool, signal, max: 5 }, [work])
    await sideBySide({ client, pool, signal, max: 5 }, [])
    assert.ok(pool.totalCount <= 2)
  })
})

test('where there is no other connection, the one that is there does all of it, in order', async () => {
  await within(1, async (pool, client) => {
    const done: number[] = []
    const works = [1, 2, 3].map((n) => async (on: PoolClient) => {
      assert.is(on, client)
      await on.query('select 1')
      done.push(n)
    })
    await sideBySide({ client, pool, signal, max: 3 }, works)
    assert.equal(done, [1, 2, 3])
  })
})

test('after a failure nothing is begun, what was begun has ended, and it is told', async () => {
  await within(2, async (pool, client) => {
    const begun = Promise.withResolvers<void>()
    const failing = Promise.withResolvers<void>()
    let ended = false
    let later = false
    const works = [
      async () => {
        await begun.promise
        failing.resolve()
        throw new Error('it broke')
      },
      async (on: PoolClient) => {
        begun.resolve()
        await failing.promise
        await on.query('select 1')
        ended = true
      },
      async () => {
        later = true
      },
    ]
    const message = await sideBySide({ client, pool, signal, max: 2 }, works).then(
      () => 'done',
      (error: Error) => error.message,
    )
    assert.equal([message, ended, later], ['it broke', true, false])
    assert.is((await client.query('select 1')).rowCount, 1)
  })
})

test('after the signal nothing is begun', async () => {
  await within(1, async (pool, client) => {
    const breaking = new AbortController()
    const begun: number[] = []
    const works = [1, 2].map((n) => async () => {
      begun.push(n)
      breaking.abort()
    })
    const name = await sideBySide({ client, pool, max: 1, signal: breaking.signal }, works).then(
      () => 'done',
      (error: Error) => error.name,
    )
    assert.equal([name, begun], ['AbortError', [1]])
  })
})

test.after(() => database.drop())
test.run()

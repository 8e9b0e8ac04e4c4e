import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allProjections } from '../../projections/all.ts'
import { inTransaction } from '../../src/projecting/batch.ts'
import { startMover } from '../../src/projecting/mover.ts'
import { createProjector } from '../../src/projecting/projector.ts'
import type { RebuildOutcome } from '../../src/projecting/rebuilds.ts'
import { TablesInUse, takeTables } from '../../src/projecting/take-tables.ts'
import { keepLog } from '../support/keep-log.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('faults of a rebuild')
const stage = await openStage()
const { log, lines } = keepLog()
const deps = {
  ...{ store: stage.store, pool: stage.pool, vault: stage.vault, log },
  projections: allProjections,
  meter: { count: () => {}, observe: () => {} },
  now: Date.now,
  monotonic: () => performance.now(),
  isBusy: () => false,
}
const projector = createProjector({ ...deps, start: (audience) => startMover(deps, audience) })
const broke = () => lines.filter(({ message }) => message.includes('a rebuild of'))

const whole = (outcome: RebuildOutcome): void => {
  assert.is(outcome.kind, 'rebuilt')
  assert.ok(outcome.kind === 'rebuilt' && outcome.models.every(({ equal }) => equal))
}

const leads = () => until(() => projector.position() !== undefined, { what: 'the end of the log' })

test.before(async () => {
  await stage.world()
  await leads()
})

test('a reader that locks the tables in another order is not ended by a rebuild, nor ends it', async () => {
  const reader = await stage.pool.connect()
  try {
    const beside = projector.rebuild()
    let reads = 0
    let isOver = false
    const over = beside.finally(() => {
      isOver = true
    })
    // Tokens, then devices: a rebuild takes devices first. The swap comes while one of the two is held, sooner or later.
    while (!isOver) {
      await inTransaction(reader, 'begin', async () => {
        await reader.query('select count(*) from live.tokens')
        await reader.query('select pg_sleep(0.05)')
        await reader.query('select count(*) from live.devices')
      })
      reads += 1
      await reader.query('select pg_sleep(0.05)')
    }
    whole(await over)
    assert.ok(reads > 0)
  } finally {
    reader.release()
  }
})

test('tables that are read for long are waited for in turns, and given up at last', async () => {
  const [reader, taker] = [await stage.pool.connect(), await stage.pool.connect()]
  const never = new AbortController().signal
  const taking = () =>
    inTransaction(taker, 'begin', () => takeTables(taker, ['live.tokens', 'live.devices'], never))
  try {
    await reader.query('begin; select from live.devices')
    const refused = await taking().catch((error: Error) => error)
    assert.instance(refused, TablesInUse)
    const taken = taking()
    await reader.query('commit')
    await taken
  } finally {
    reader.release()
    taker.release()
  }
})

test('who broke off while it waited for a table says so', async () => {
  const [reader, taker] = [await stage.pool.connect(), await stage.pool.connect()]
  try {
    await reader.query('begin; select from live.devices')
    const gone = AbortSignal.abort()
    const refused = await inTransaction(taker, 'begin', () =>
      takeTables(taker, ['live.devices'], gone),
    ).catch((error: Error) => error)
    assert.is((refused as Error).name, 'AbortError')
    await reader.query('commit')
  } finally {
    reader.release()
    taker.release()
  }
})

/** Begins a rebuild, and does something to it once it has folded a batch. */
const disturbed = (disturb: () => Promise<unknown>): Promise<RebuildOutcome> => {
  let done: Promise<unknown> | undefined
  const onProgress = () => {
    done ??= disturb()
  }
  return projector.rebuild(undefined, { onProgress }).finally(() => done)
}

const endBackends = (condition: string) =>
  stage.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and (${condition})`,
  )

test('a rebuild whose connections are cut is done again', async () => {
  const before = broke().length
  whole(await disturbed(() => endBackends('true')))
  assert.ok(broke().length > before)
})

test('a rebuild during which the lead was lost ends well all the same', async () => {
  const held = `pid in (select pid from pg_locks where locktype = 'advisory' and classid = 0 and objid = 7214002)`
  // It may have had all by then, and found the live tables where it left them.
  whole(await disturbed(() => endBackends(held)))
  await leads()
})

test('a rebuild during which the event store was away ends well all the same', async () => {
  const outcome = await disturbed(async () => {
    await stage.server.kill9()
    await stage.server.restart()
  })
  whole(outcome)
  await leads()
})

test('live tables that somebody else moved meanwhile are not replaced', async () => {
  const other = await stage.pool.connect()
  try {
    let isMoved = false
    const outcome = await disturbed(async () => {
      await other.query('update live.checkpoints set commit = commit + 1')
      isMoved = true
    })
    assert.ok(isMoved)
    // The projector's next batch meets the foreign checkpoint and begins anew from it.
    assert.ok(['rebuilt', 'unavailable'].includes(outcome.kind), outcome.kind)
    const { rowCount } = await other.query('select from live.projects')
    assert.is(rowCount, 1)
  } finally {
    other.release()
  }
})

test('while the log cannot be read for long, it says that something is away, and when', async () => {
  await stage.server.kill9()
  const outcome = await projector.rebuild()
  assert.equal(outcome, { kind: 'unavailable' })
  await stage.server.restart()
})

test.after(async () => {
  await projector.close()
  await stage.end()
})
test.run()

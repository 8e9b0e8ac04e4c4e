import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startProjectorThread } from '../src/main-projector.ts'
import type { Standing } from '../src/projecting/audience.ts'
import { keepLog } from './support/keep-log.ts'
import { openStage } from './support/stage.ts'
import { until } from './support/until.ts'

const test = suite('the thread of the projector')
const stage = await openStage()
type Given = Parameters<typeof startProjectorThread>[0]['data']
const data: Given = {
  databaseUrl: stage.database.url,
  eventStoreUrl: stage.server.url,
  kek: [...stage.secrets.kek],
  heartbeatDays: 30,
}

const start = (given: Given) => {
  const heard = {
    position: 0n,
    standings: [] as Standing[],
    measured: new Set<string>(),
    ...keepLog(),
  }
  const meter = { count: () => {}, observe: (name: string) => void heard.measured.add(name) }
  const mover = startProjectorThread({ data: given, log: heard.log, meter }).models({
    reached: (position) => {
      heard.position = position
    },
    standing: (standing) => heard.standings.push(standing),
  })
  return { mover, heard }
}

test('it says how far it came, what it measured, and ends when it is told', async () => {
  await stage.world()
  const { mover, heard } = start(data)
  try {
    await until(() => heard.standings.at(-1)?.caughtUp, { what: 'the end of the log' })
    const before = heard.position
    assert.ok(before > 0n)
    await stage.world()
    await until(() => heard.position > before, { what: 'the new world' })
    assert.ok(heard.measured.has('projection_batch_events'))
    const { rows } = await stage.pool.query('select count(*)::int as n from live.projects')
    assert.is(rows[0]?.n, 2)
  } finally {
    await mover.close()
  }
})

test('a rebuild is asked for and answered across threads', async () => {
  const { mover, heard } = start(data)
  try {
    await until(() => heard.standings.at(-1)?.caughtUp, { what: 'the end of the log' })
    const heardOf: bigint[] = []
    const onProgress = ({ position }: { position: bigint }) => heardOf.push(position)
    const rebuilt = await mover.rebuild(['projects'], { onProgress })
    assert.is(rebuilt.kind, 'rebuilt')
    assert.equal(
      rebuilt.kind === 'rebuilt' &&
        rebuilt.models.map(({ projection, equal }) => ({ projection, equal })),
      [{ projection: 'projects', equal: true }],
    )
    assert.ok(heardOf.length > 0)
    const both = await mover.rebuild(['heartbeats', 'devices'])
    assert.equal(both.kind === 'rebuilt' && both.models.map(({ projection }) => projection), [
      'devices',
      'heartbeats',
    ])
    assert.equal(await mover.rebuild(['nonsense']), {
      kind: 'unknown-projection',
      name: 'nonsense',
    })
    const brokenOff = await mover
      .rebuild(['projects'], { signal: AbortSignal.abort() })
      .catch((error: Error) => error)
    assert.instance(brokenOff, Error)
    const other = start(data)
    try {
      assert.is((await other.mover.rebuild(['projects'])).kind, 'not-leading')
    } finally {
      await other.mover.close()
    }
  } finally {
    await mover.close()
  }
})

test('while the event store is away it says so, and what it logs comes over', async () => {
  const { mover, heard } = start({ ...data, eventStoreUrl: 'esdb://127.0.0.1:1?tls=false' })
  try {
    const failed = await until(() => heard.standings.find(({ failure }) => failure), {
      what: 'the failure',
    })
    assert.match(failed.failure ?? '', /not available/)
    const line = await until(() => heard.lines.find(({ level }) => level === 'warn'), {
      what: 'a line',
    })
    assert.match(line.message, /it will try again/)
  } finally {
    await mover.close()
  }
})

test('a thread that breaks is started again, until it is told to end', async () => {
  const { mover, heard } = start({ ...data, eventStoreUrl: 'nonsense' })
  try {
    const broke = () => heard.lines.filter(({ message }) => message.includes('started again'))
    await until(() => broke().length >= 2, { what: 'the second start' })
    assert.ok(heard.standings.every(({ caughtUp }) => !caughtUp))
    assert.ok(heard.standings.at(-1)?.failure)
  } finally {
    await mover.close()
  }
})

test.after(() => stage.end())

test.run()

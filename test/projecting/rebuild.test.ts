import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readDevice } from '../../projections/devices.ts'
import { type DeviceId, newId, type ProjectId } from '../../protocol/ids.ts'
import * as device from '../../src/domain/device.ts'
import type { Projector } from '../../src/projecting/projector.ts'
import type { Rebuilt } from '../../src/projecting/rebuild.ts'
import { deviceStream } from '../../src/store/streams.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('rebuild')
const stage = await openStage()
const { ledger, db, by } = stage
const projector = stage.projector()

const registerDevice = async (project: ProjectId): Promise<DeviceId> => {
  const deviceId = newId('dev_', randomBytes)
  const sealed = await stage.sealFor(project, deviceId, { serial_number: 'SN', metadata: {} })
  const args = { deviceId, model: 'pin', generation: 1, serialHash: 'a'.repeat(64), sealed }
  const decide = () => device.register(args)
  await ledger.transact(deviceStream(project, deviceId), device.device, decide, by(project))
  return deviceId
}

test.before(async () => {
  const project = await stage.world()
  const id = await registerDevice(project)
  await until(async () => (await readDevice(db, project, id)) !== undefined, { what: id })
})

const rebuiltBy = async (by: Projector, names?: readonly string[]): Promise<readonly Rebuilt[]> => {
  const outcome = await by.rebuild(names)
  if (outcome.kind !== 'rebuilt') throw new Error(outcome.kind)
  return outcome.models
}

test('a rebuild from zero equals what is live, and takes its place', async () => {
  const rebuilt = await rebuiltBy(projector)
  assert.equal(
    rebuilt.filter(({ equal }) => !equal).map(({ projection }) => projection),
    [],
  )
  assert.ok(rebuilt.length >= 9 && rebuilt.every(({ events }) => events > 0))
})

test('a row that was changed by hand is found by a rebuild', async () => {
  await stage.pool.query(
    `update live.devices set model = 'forged' where id = (select min(id) from live.devices)`,
  )
  const rebuilt = await rebuiltBy(projector, ['devices', 'tokens'])
  assert.equal(
    rebuilt.map(({ projection, equal }) => [projection, equal]),
    [
      ['devices', false],
      ['tokens', true],
    ],
  )
  assert.ok((await rebuiltBy(projector, ['devices']))[0]?.equal)
})

test('live rows move on while a rebuild goes on, and nothing of them is lost by the swap', async () => {
  const project = await stage.world()
  const during: string[] = []
  let positions = 0
  const register = async () => {
    while (positions < 1) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 20; i += 1) during.push(await registerDevice(project))
  }
  const onProgress = ({ position, of }: { position: bigint; of: bigint }) => {
    assert.ok(position <= of)
    positions += 1
  }
  const writing = register()
  const outcome = await projector.rebuild(undefined, { onProgress })
  await writing
  assert.ok(outcome.kind === 'rebuilt' && outcome.models.every(({ equal }) => equal))
  for (const id of during)
    await until(async () => (await readDevice(db, project, id)) !== undefined, { what: id })
})

const liveTable = async (): Promise<number> => {
  const { rows } = await stage.pool.query("select 'live.devices'::regclass::oid::int as oid")
  return rows[0].oid
}

for (const at of ['folding', 'writing', 'comparing'] as const)
  test(`a rebuild that is broken off while ${at} changed nothing, and the next one is whole`, async () => {
    const before = await liveTable()
    const gone = new AbortController()
    const broken = projector.rebuild(undefined, {
      signal: gone.signal,
      onProgress: ({ doing }) => {
        if (doing === at) gone.abort()
      },
    })
    assert.is(
      await broken.then(
        () => 'rebuilt',
        ({ name }) => name,
      ),
      'AbortError',
    )
    const left = await stage.pool.query("select from pg_namespace where nspname = 'rebuilt'")
    assert.equal([left.rowCount, await liveTable()], [0, before])
    assert.ok((await rebuiltBy(projector)).every(({ equal }) => equal))
    assert.is.not(await liveTable(), before)
  })

test('one rebuild at a time, and of read models that there are', async () => {
  const first = projector.rebuild()
  assert.is((await projector.rebuild()).kind, 'under-way')
  assert.is((await first).kind, 'rebuilt')
  assert.equal(await projector.rebuild(['devices', 'nonsense']), {
    kind: 'unknown-projection',
    name: 'nonsense',
  })
})

test.after(async () => {
  await projector.close()
  await stage.end()
})
test.run()

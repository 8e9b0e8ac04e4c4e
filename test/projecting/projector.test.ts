import { randomBytes, randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readDevice } from '../../projections/devices.ts'
import { ownersOf } from '../../projections/ownership.ts'
import { readTokens } from '../../projections/tokens.ts'
import { randomBase62 } from '../../protocol/base62.ts'
import {
  type DeviceId,
  newId,
  newNodeId,
  newSessionId,
  type ProjectId,
  type TokenId,
} from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { claim, take } from '../../src/domain/claim.ts'
import * as device from '../../src/domain/device.ts'
import { confirmToken, refreshToken } from '../../src/domain/token-decisions.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import {
  claimStream,
  deviceStream,
  ingestStream,
  nodeStream,
  sessionStream,
} from '../../src/store/streams.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('projector')
const stage = await openStage()
const { ledger, store, db, by } = stage
let projector = stage.projector()
const hmac = randomBytes(32).toString('base64url')
const kid = 'abcdef0123456789'
const newTokenId = () => randomBase62(12, randomBytes) as TokenId
const secret = (token_id: TokenId) => ({ token_id, hmac, pepper_kid: kid })

const registerDevice = async (project: ProjectId): Promise<DeviceId> => {
  const deviceId = newId('dev_', randomBytes)
  const sealed = await stage.sealFor(project, deviceId, {
    serial_number: 'SN',
    metadata: { lot: 1.5 },
  })
  const args = { deviceId, model: 'pin', generation: 1, serialHash: 'a'.repeat(64), sealed }
  await ledger.transact(
    deviceStream(project, deviceId),
    device.device,
    () => device.register(args),
    by(project),
  )
  return deviceId
}

const bindDevice = async (project: ProjectId, id: DeviceId, token: TokenId) => {
  const endUserId = newId('eu_', randomBytes)
  const args = { bindingId: newId('bind_', randomBytes), endUserId, token: secret(token) }
  const done = await ledger.transact(
    deviceStream(project, id),
    device.device,
    () => device.bind(args),
    by(project),
  )
  return { endUserId, position: done.kind === 'done' ? (done.position ?? 0n) : 0n }
}

const unbindDevice = (project: ProjectId, id: DeviceId) =>
  ledger.transact(
    deviceStream(project, id),
    device.device,
    () => device.unbind({ reason: 'requested' }),
    by(project),
  )

const commit = async (
  stream: string,
  type: string,
  data: object | Uint8Array,
  expected: number | 'no_stream' = 'no_stream',
) => {
  const done = await store.append(
    stream,
    [{ id: randomUUID(), type, data, metadata: { v: 1 } }],
    expected,
  )
  if (done.kind !== 'appended') throw new Error('conflict')
  return done.position
}

const heartbeat = (project: ProjectId, d: DeviceId, data: object, numbers: object = {}) => ({
  k: 'heartbeat',
  via: 'mqtt',
  p: project,
  d,
  by: 'A'.repeat(12),
  rx: instantOf(Date.now()),
  data,
  ...numbers,
})

const observe = (node: string, shard: number, ...entries: object[]) =>
  commit(
    ingestStream(node as never, shard, Date.now()),
    'IngestCommitted',
    Buffer.from(JSON.stringify({ v: 1, entries })),
  )

const tokenOf = async (id: string) => {
  const found = (await readTokens(db, [id])).get(id)
  if (!found) throw new Error('nothing was said of it')
  return found
}

test('a device is registered, bound and unbound: row, token and owner follow', async () => {
  const project = await stage.world()
  const id = await registerDevice(project)
  const token = newTokenId()
  const { endUserId, position } = await bindDevice(project, id, token)
  assert.ok(await projector.waitFor(position, 10_000))
  const row = await readDevice(db, project, id)
  assert.equal(
    [row?.status, row?.end_user_id, row?.serial_number, row?.metadata],
    ['bound', endUserId, 'SN', { lot: 1.5 }],
  )
  const live = await tokenOf(token)
  assert.equal([live.row?.state, live.row?.end_user_id], ['live', endUserId])
  assert.ok((live.checkpoint ?? 0n) >= position)
  const unbound = await unbindDevice(project, id)
  assert.ok(unbound.kind === 'done' && (await projector.waitFor(unbound.position ?? 0n, 10_000)))
  assert.is((await tokenOf(token)).row?.state, 'revoked')
  const owners = await ownersOf(db, project, id)
  assert.equal(
    owners.map(({ end_user_id, until: end }) => [end_user_id, end !== null]),
    [[endUserId, true]],
  )
})

test('a refreshed token and the one before it change places when it is first used', async () => {
  const project = await stage.world()
  const id = await registerDevice(project)
  const [first, second, third] = [newTokenId(), newTokenId(), newTokenId()]
  await bindDevice(project, id, first)
  const stream = deviceStream(project, id)
  const refresh = (presented: TokenId, next: TokenId) =>
    ledger.transact(
      stream,
      device.device,
      (at) => refreshToken({ presented, next: secret(next), graceMs: 60_000 }, at),
      by(project),
    )
  await refresh(first, second)
  await refresh(first, third)
  const done = await ledger.transact(
    stream,
    device.device,
    () => confirmToken({ tokenId: third }),
    by(project),
  )
  assert.ok(done.kind === 'done' && (await projector.waitFor(done.position ?? 0n, 10_000)))
  const states = await Promise.all(
    [first, second, third].map(async (one) => (await tokenOf(one)).row?.state),
  )
  assert.equal(states, ['superseded', 'superseded', 'live'])
})

test('heartbeats move the row once, and repeats and older ones do not', async () => {
  const project = await stage.world()
  const id = await registerDevice(project)
  const node = newNodeId(randomBytes)
  const beats = [
    heartbeat(project, id, { battery_percent: 60 }, { boot: 1, seq: 1 }),
    heartbeat(project, id, { battery_percent: 50 }, { boot: 2, seq: 5 }),
    heartbeat(project, id, { battery_percent: 40 }, { boot: 2, seq: 4 }),
    heartbeat(project, id, { battery_percent: 30 }, { boot: 1, seq: 99 }),
    heartbeat(project, id, { battery_percent: 20 }, { boot: 2, seq: 5 }),
    heartbeat(project, id, { storage_used_mb: 7 }, { boot: 2, seq: 6 }),
  ]
  const position = await observe(node, 0, ...beats)
  assert.ok(await projector.waitFor(position, 10_000))
  const row = await readDevice(db, project, id)
  assert.equal([row?.health_battery_percent, row?.health_storage_used_mb], [50, '7'])
})

test('a heartbeat of a device that nobody registered, or of another world, moves nothing', async () => {
  const [project, other] = [await stage.world(), await stage.world()]
  const id = await registerDevice(project)
  const position = await observe(
    newNodeId(randomBytes),
    0,
    heartbeat(other, id, { battery_percent: 1 }),
    heartbeat(project, newId('dev_', randomBytes), { battery_percent: 1 }),
  )
  assert.ok(await projector.waitFor(position, 10_000))
  assert.is((await readDevice(db, project, id))?.health_battery_percent, null)
})

test('a session opens and closes; a closed entry ends only its own; a lost node ends all of its', async () => {
  const project = await stage.world()
  const id = await registerDevice(project)
  const node = newNodeId(randomBytes)
  const entry = (k: string, s: string) => ({
    k,
    s,
    p: project,
    d: id,
    tok: 'A'.repeat(12),
    rx: instantOf(Date.now()),
  })
  const [one, two] = [newSessionId(randomBytes), newSessionId(randomBytes)]
  const stream = sessionStream(node, Date.now())
  await commit(stream, 'SessionsChanged', { v: 1, node, entries: [entry('opened', one)] })
  await commit(stream, 'SessionsChanged', { v: 1, node, entries: [entry('opened', two)] }, 0)
  const closed = await commit(
    stream,
    'SessionsChanged',
    { v: 1, node, entries: [entry('closed', one)] },
    1,
  )
  assert.ok(await projector.waitFor(closed, 10_000))
  assert.is((await readDevice(db, project, id))?.health_session_id, two)
  const lost = await commit(nodeStream(node), 'NodeLost', { by: newNodeId(randomBytes) })
  await commit(stream, 'SessionsChanged', { v: 1, node, entries: [entry('opened', one)] }, 2)
  const after = await observe(node, 1, heartbeat(project, id, { battery_percent: 3 }))
  assert.ok(lost < after && (await projector.waitFor(after, 10_000)))
  const row = await readDevice(db, project, id)
  assert.equal(
    [row?.health_session_id, row?.health_presence_reason, row?.health_battery_percent],
    [null, 'node_lost', 3],
  )
})

test('what no read model has to do with is passed all the same: taken claims, signs of life', async () => {
  const project = await stage.world()
  const args = { id: newId('dev_', randomBytes) }
  const stream = claimStream(project, randomBytes(32).toString('hex'))
  const taken = await ledger.transact(stream, claim, () => take(args), by(project))
  assert.ok(taken.kind === 'done' && (await projector.waitFor(taken.position ?? 0n, 10_000)))
  const alive = await commit(nodeStream(newNodeId(randomBytes)), 'NodeAlive', { v: 1 })
  assert.ok(await projector.waitFor(alive, 10_000))
})

test('two projectors: one leads, and the other goes on when it ends', async () => {
  const second = stage.projector()
  const project = await stage.world()
  await projector.close()
  const id = await registerDevice(project)
  const { position } = await bindDevice(project, id, newTokenId())
  assert.ok(await second.waitFor(position, 20_000))
  projector = second
})

test('a checkpoint that somebody else moved rolls the batch back, and following goes on from there', async () => {
  await stage.pool.query('update live.checkpoints set commit = commit + 1')
  const project = await stage.world()
  const id = await registerDevice(project)
  const { rows } = await stage.pool.query('select 1 from live.devices where id = $1', [id])
  assert.is(rows.length, 0)
  await stage.pool.query('update live.checkpoints set commit = commit - 1')
  await until(async () => (await readDevice(db, project, id)) !== undefined, {
    msMax: 20_000,
    what: 'the row',
  })
})

test('Postgres comes and goes, and the projector with it', async () => {
  const project = await stage.world()
  await stage.pool
    .query(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
    )
    .catch(() => {})
  const id = await registerDevice(project)
  await until(async () => (await readDevice(db, project, id)) !== undefined, {
    msMax: 20_000,
    what: 'the row',
  })
})

test('an unknown type of event stops it, and it says so', async () => {
  // As a newer Lapel would write it: the store of the stage takes what this one knows.
  const newer = connectEventStore(stage.server.url)
  const event = { id: randomUUID(), type: 'SomethingNew', data: { salt: 'x' }, metadata: { v: 1 } }
  const stream = `proj_${'x'.repeat(22)}.device-dev_${'x'.repeat(22)}`
  await newer.append(stream, [event], 'no_stream')
  await newer.close()
  await until(() => projector.health().status === 'failing', { what: 'the failure' })
})

test.after(async () => {
  await projector.close()
  await stage.end()
})

test.run()

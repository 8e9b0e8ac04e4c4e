import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadSecrets } from '../../src/config-secrets.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { chainFaults, readLog } from '../chaos/verify.ts'
import { operationsOf } from '../event-store/operations-client.ts'
import { run } from '../event-store/running.ts'
import { startLapelProcess } from '../support/lapel.ts'
import { serveLapel } from '../support/served-lapel.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const test = suite('the move to another event store')
const bin = fileURLToPath(new URL('../../bin/lapel.js', import.meta.url))
const env = { LAPEL_RATE_KEY: '0', LAPEL_RATE_DEVICE: '0' }
const anotherLog = /the event store has another log than before/

const place = await temporaryFolder()
const lapel = await serveLapel(env)
const target = await run(join(place.path, 'target'))
const folder = { path: lapel.data, remove: async () => {} }

const started: { readonly stop: () => Promise<unknown> }[] = [lapel]
const startOnTarget = async () => {
  const node = await startLapelProcess({ ...env, EVENTSTORE_URL: target.url }, folder)
  started.push(node)
  return node
}

test.after(async () => {
  for (const node of started) await node.stop()
  await target.end('SIGTERM')
  await lapel.remove()
  await place.remove()
})

type Device = Awaited<ReturnType<typeof lapel.boundDevice>>
type Node = Pick<typeof lapel, 'call'>

const beat = async (node: Node, { token }: Device, seq: number) => {
  const body = { battery_percent: 50, seq, boot: 1 }
  return node.call(token, 'POST /v1/devices/me/heartbeat', body)
}

/** Positions are the log's: a copy has others. */
const withoutPositions = (body: object): unknown =>
  JSON.parse(JSON.stringify(body), (key, value) => (key === 'position' ? undefined : value))

/** Everything that a customer reads, and the audit fields in it, as it comes. */
const readsOf = async (node: Node, devices: readonly Device[], at: string) => {
  const answers: Record<string, unknown> = {}
  for (const { id, endUser } of devices)
    for (const path of [
      `/v1/devices/${id}`,
      `/v1/devices/${id}/history?limit=100`,
      `/v1/devices/${id}/owner?at=${at}&known_at=${at}`,
      `/v1/devices/${id}/heartbeats?limit=100`,
      `/v1/end-users/${endUser}/devices?at=${at}`,
    ]) {
      const { status, body } = await node.call(lapel.key, `GET ${path}`)
      answers[path] = { status, body: withoutPositions(body) }
    }
  return answers
}

/** How many heartbeats the history has of it. */
const storedBeats = async (node: Node, { id }: Device): Promise<number> => {
  const { body } = await node.call(lapel.key, `GET /v1/devices/${id}/heartbeats?limit=100`)
  return (body['data'] as unknown[]).length
}

const everyHistoryHas = async (node: Node, devices: readonly Device[], count: number) => {
  const counts = await Promise.all(devices.map((device) => storedBeats(node, device)))
  return counts.every((one) => one === count)
}

/** What a store writes of itself is not copied: from here on the positions of the two logs differ. */
const makePositionsDiffer = async () => {
  const operations = operationsOf(Number(/:(\d+)/.exec(lapel.node.eventstore_url)?.[1]))
  await operations.start()
  operations.close()
}

const follow = () => {
  const args = ['eventstore', 'copy', '--to', target.url, '--follow']
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, LAPEL_DATA: lapel.data },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  return { ended: once(child, 'exit'), said: () => said }
}

test('a running node is copied, stopped, and goes on with the other store as it was', async () => {
  await makePositionsDiffer()
  const devices = await Promise.all(Array.from({ length: 4 }, () => lapel.boundDevice()))
  const [first, second] = devices
  if (!first || !second) throw new Error('no devices')
  for (const seq of [1, 2, 3]) for (const device of devices) await beat(lapel, device, seq)
  const copy = follow()
  await until(() => copy.said().includes('caught up'), { msMax: 60_000, what: 'the copy' })
  // Written while the copy follows.
  for (const device of devices) await beat(lapel, device, 4)
  await lapel.api(`POST /v1/devices/${first.id}/unbind`)
  await until(() => everyHistoryHas(lapel, devices, 4), { what: 'the history' })
  const at = new Date().toISOString()
  const before = await readsOf(lapel, devices, at)
  assert.is(await lapel.stop(), 0)
  assert.equal(await copy.ended, [0, null], copy.said())

  const moved = await startOnTarget()
  assert.match(moved.output(), anotherLog)
  const bound = await until(
    async () => {
      const body = { end_user_id: first.endUser }
      const answer = await moved.call(lapel.key, `POST /v1/devices/${first.id}/bind`, body)
      return answer.status === 200 && answer
    },
    { msMax: 30_000, what: 'a bind on the other store' },
  )
  await moved.call(lapel.key, `POST /v1/devices/${first.id}/unbind`)
  const rest = devices.slice(1)
  await until(() => everyHistoryHas(moved, rest, 4), {
    msMax: 30_000,
    what: 'the history, folded anew',
  })
  const after = await readsOf(moved, rest, at)
  for (const path of Object.keys(after)) assert.equal(after[path], before[path], path)
  assert.ok(bound.headers.get('position') !== null)

  // Ingest goes on where each device stood: an old message is known, a new one moves the row.
  assert.is((await beat(moved, second, 4)).status, 200)
  assert.is((await beat(moved, second, 5)).status, 200)
  await until(async () => (await storedBeats(moved, second)) === 5, { what: 'one more heartbeat' })
  const dead = await beat(moved, first, 5)
  assert.is(dead.status, 401)
  const rebuilt = (await moved.cli('rebuild')) as { equal: boolean }[]
  assert.ok(rebuilt.length > 0 && rebuilt.every(({ equal }) => equal))
  await moved.stop()

  const loaded = await loadSecrets(join(lapel.data, 'secrets.json'))
  if (loaded.kind !== 'secrets') throw new Error(loaded.because)
  const store = connectEventStore(target.url)
  const { lifecycle } = await readLog(store)
  await store.close()
  assert.equal(chainFaults(lifecycle, loaded.secrets), [])

  const again = await startOnTarget()
  assert.not.match(again.output(), anotherLog)
  await again.stop()
})

test.run()

import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { until } from '../support/until.ts'
import { killAgain, rebuildFaults, secretsOf } from './aftermath.ts'
import { apiOf, insist, startLoad } from './load.ts'
import { type NodeUnderFire, startUnderFire } from './node-under-fire.ts'
import { killsMax, sayVerdict } from './verdict.ts'
import { chainFaults, commandFaults, heartbeatFaults, readLog } from './verify.ts'

// `npm run chaos -- --kills 20`: kills -9 the node, the event store or Postgres at random moments under load, then holds
// every acknowledgement against the log. `--control` acknowledges before the append and must be caught.

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    control: { type: 'boolean', default: false },
    devices: { type: 'string', default: '20' },
  },
})
const control = values.control
const kills = Math.min(Number(values.kills), killsMax)

const rowFaults = async (
  lapel: NodeUnderFire,
  key: string,
  newest: ReadonlyMap<string, number>,
) => {
  const api = apiOf(lapel.http, key)
  const faults: string[] = []
  for (const [device, seq] of newest) {
    const shown = async () => {
      const { body } = await insist(api, 'GET', `/v1/devices/${device}`, undefined, 'none')
      const state = body['recording_state'] as { pending_recordings?: number } | null
      return state?.pending_recordings
    }
    await until(async () => (await shown()) === seq, { msMax: 30_000, what: 'the row' }).catch(
      async () =>
        faults.push(`${device}: the row shows ${await shown()}, the log's newest is ${seq}`),
    )
  }
  return faults
}

const underFire = async (lapel: NodeUnderFire, key: string) => {
  const size = { devices: Number(values.devices), commanders: 2 }
  const load = await startLoad({ http: lapel.http, mqttPort: lapel.mqttPort, key }, size)
  await killAgain(lapel, kills, control ? ['node'] : ['node', 'event store', 'postgres'])
  const unacknowledged = await load.stop()
  return { acknowledged: load.acknowledged, unacknowledged }
}

const program = control ? [fileURLToPath(new URL('./early-ack.ts', import.meta.url))] : undefined
const lapel = await startUnderFire(program)
const faults: string[] = []
try {
  const { key } = await lapel.cli<{ key: string }>('keys', 'create', '--mode', 'test')
  const { acknowledged, unacknowledged } = await underFire(lapel, key)
  const store = connectEventStore((await lapel.nodeFile()).eventstore_url)
  const log = await readLog(store)
  const secrets = await secretsOf(lapel)
  const checked = heartbeatFaults(log.entries, acknowledged)
  faults.push(...checked.faults)
  faults.push(...chainFaults(log.lifecycle, secrets))
  faults.push(...commandFaults(log.lifecycle, acknowledged, secrets))
  if (!control) {
    if (unacknowledged > 0)
      faults.push(`${unacknowledged} heartbeats were never acknowledged after all came back`)
    faults.push(...(await rowFaults(lapel, key, checked.newest)))
    faults.push(...(await rebuildFaults(lapel)))
  }
  await store.close()
  console.log(
    `${checked.heartbeats} heartbeats and ${acknowledged.commands.size} commands acknowledged; ` +
      `${checked.stored} entries and ${log.lifecycle.length} lifecycle events in the log`,
  )
} finally {
  await lapel.stop()
}
sayVerdict(faults, control)

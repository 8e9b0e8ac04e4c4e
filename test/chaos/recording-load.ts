import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { noCounts, SimulatedDevice } from '../../src/cli/simulate/device.ts'
import { noTally, Recorder, type RecordingPlan } from '../../src/cli/simulate/recorder.ts'
import { apiOf, insist } from './load.ts'

/** So that what a bad minute leaves behind does not grow without bound. */
const undoneMax = 3
const everyMs = 1_500

const troubles = [undefined, 'line', 'power', undefined, 'flash', 'line', 'power'] as const

const planOf = (turn: number): RecordingPlan => ({
  chunks: randomInt(3, 9),
  chunkBytes: 24_576,
  everyMs,
  trouble: troubles[turn % troubles.length],
})

type Target = { readonly http: string; readonly mqttPort: number; readonly key: string }

const boundDevices = async ({ http, key }: Target, count: number) => {
  const api = apiOf(http, key)
  const post = async (path: string, body: object) =>
    (await insist(api, 'POST', path, body, randomUUID())).body
  const person = await post('/v1/end-users', { name: 'Chaos' })
  const bound: { id: string; token: string }[] = []
  for (let i = 0; i < count; i += 1) {
    const device = await post('/v1/devices', { serial_number: randomUUID(), model: 'chaos' })
    const path = `/v1/devices/${device['id']}/bind`
    const { device_token } = await post(path, { end_user_id: person['id'] })
    bound.push({ id: String(device['id']), token: String(device_token) })
  }
  return bound
}

/** Devices that record and upload until they are stopped: in peace, over broken lines, through power cuts, with a flash that forgets. */
export const startRecordingLoad = async (target: Target, count: number) => {
  const [counts, tally] = [noCounts(), noTally()]
  const bound = await boundDevices(target, count)
  const devices = bound.map(
    (one) => new SimulatedDevice(`127.0.0.1:${target.mqttPort}`, one, counts),
  )
  const recorders = devices.map((device) => new Recorder(device, tally))
  let isOver = false
  const recording = recorders.map(async (recorder, at) => {
    await delay(randomInt(everyMs))
    for (let turn = at; !isOver; await delay(everyMs)) {
      devices[at]?.beat()
      if (recorder.recordings.filter(({ isDone }) => !isDone).length >= undoneMax) continue
      await recorder.record(planOf(turn))
      turn += 1
    }
  })
  return {
    tally,
    recordings: () => recorders.flatMap((recorder) => recorder.recordings),
    /** Nothing more is recorded; what is in flash is uploaded still. */
    stop: async () => {
      isOver = true
      await Promise.all(recording)
    },
    end: () => Promise.all(devices.map((device) => device.end().catch(() => {}))),
  }
}

import * as assert from 'uvu/assert'
import type { Entry } from '../../protocol/observations.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { readLog } from '../chaos/verify.ts'
import { connectWith, type RawMqtt, rawMqtt } from './raw-mqtt.ts'
import { type BoundDevice, serveLapel } from './served-lapel.ts'

export const ownDown = 'v1/devices/me/down/#'

/** A QoS 1 PUBLISH, of a heartbeat unless told otherwise. */
export const beat = (
  raw: RawMqtt,
  messageId: number,
  payload: object | string | Buffer,
  topic = 'v1/devices/me/heartbeat',
): void =>
  raw.send({
    cmd: 'publish',
    topic,
    messageId,
    qos: 1,
    dup: false,
    retain: false,
    payload:
      typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
  })

/** The next message on `down/errors`. */
export const faultOf = async (raw: RawMqtt): Promise<Record<string, unknown>> => {
  for (;;) {
    const { topic, payload } = await raw.take('publish')
    if (topic === 'v1/devices/me/down/errors') return JSON.parse(payload.toString())
  }
}

/** A running Lapel, its broker from outside, and the log behind it. */
export const openEdge = async (env: Readonly<Record<string, string>> = {}) => {
  const lapel = await serveLapel(env)
  const store = connectEventStore(lapel.node.eventstore_url)
  const signedIn = async (device: BoundDevice): Promise<RawMqtt> => {
    const raw = rawMqtt(lapel.mqttPort)
    raw.send(connectWith(device.token))
    assert.is((await raw.take('connack')).returnCode, 0)
    return raw
  }
  return {
    lapel,
    port: lapel.mqttPort,
    signedIn,
    listening: async (device: BoundDevice): Promise<RawMqtt> => {
      const raw = await signedIn(device)
      raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: ownDown, qos: 1 }] })
      await raw.take('suback')
      return raw
    },
    entriesOf: async (device: BoundDevice): Promise<readonly Entry[]> =>
      (await readLog(store)).entries.filter(({ d }) => d === device.id),
    end: async () => {
      await store.close()
      await lapel.stop()
      await lapel.remove()
    },
  }
}

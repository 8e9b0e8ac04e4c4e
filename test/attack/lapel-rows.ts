import { randomBytes } from 'node:crypto'
import { takeoversPerMinuteMax } from '../../protocol/limits.ts'
import { mintToken } from '../../protocol/tokens.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { connackOf, connectWith, rawMqtt } from '../support/raw-mqtt.ts'
import type { BoundDevice } from '../support/served-lapel.ts'
import { until } from '../support/until.ts'
import { atMost, type LapelTarget, type Row } from './row.ts'

const heartbeat = 'v1/devices/me/heartbeat'

const rebind = async ({ lapel }: LapelTarget, { id }: BoundDevice): Promise<string> => {
  await lapel.api(`POST /v1/devices/${id}/unbind`)
  const person = await lapel.api('POST /v1/end-users', { name: 'Next' })
  const bound = await lapel.api(`POST /v1/devices/${id}/bind`, { end_user_id: person.body['id'] })
  return String(bound.body['device_token'])
}

const staleSession: Row<LapelTarget> = {
  attack:
    'a session of the former owner after 10 changes of owner: messages taken, messages inherited',
  bound: '0',
  measure: async (target) => {
    let wrong = 0
    for (let i = 0; i < 10; i += 1) {
      const own = await target.device()
      const will = {
        topic: 'v1/devices/me/will',
        payload: Buffer.from('{}'),
        qos: 1 as const,
        retain: false,
      }
      const old = rawMqtt(target.port)
      old.send(connectWith(own.token, { clientId: 'same', will }))
      old.send({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [{ topic: 'v1/devices/me/down/#', qos: 1 }],
      })
      await old.take('suback')
      const token = await rebind(target, own)
      await old.closed()
      const fresh = rawMqtt(target.port)
      fresh.send(connectWith(token, { clientId: 'same' }))
      await fresh.take('connack')
      fresh.send({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [{ topic: 'v1/devices/me/down/#', qos: 1 }],
      })
      await fresh.take('suback')
      await fresh.take('publish')
      wrong += fresh.packets.filter(
        (one) => one.cmd === 'publish' && !one.topic.endsWith('/time'),
      ).length
      if ((await connackOf(target.port, connectWith(own.token))) === 0) wrong += 1
      fresh.end()
    }
    return atMost(wrong, 0, '')
  },
}

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(q * values.length) - 1] ?? 0

const revocation: Row<LapelTarget> = {
  attack: 'revoke to closed socket, 40 devices, p99 from the reply',
  bound: '250 ms',
  measure: async ({ port, device, lapel }) => {
    const ms: number[] = []
    for (let i = 0; i < 40; i += 1) {
      const { id, token } = await device()
      const client = await connectDevice(port, token)
      const closed = client.closed.then(() => performance.now())
      await lapel.api(`POST /v1/devices/${id}/unbind`)
      const answered = performance.now()
      ms.push(Math.max(0, (await closed) - answered))
    }
    return atMost(quantile(ms, 0.99), 250, 'ms')
  },
}

const honest: Row<LapelTarget> = {
  attack:
    'an honest device beside 3,000 CONNECTs of unknown tokens: its PUBACK p99, past that without them',
  bound: '250 ms',
  measure: async ({ port, device }) => {
    const client = await connectDevice(port, (await device()).token)
    const beat = async (): Promise<number> => {
      const asked = performance.now()
      await client.publish(heartbeat, {})
      return performance.now() - asked
    }
    const quiet: number[] = []
    for (let i = 0; i < 200; i += 1) quiet.push(await beat())
    let left = 3_000
    const attacker = async () => {
      for (; left > 0; left -= 1) {
        const raw = rawMqtt(port)
        raw.send(connectWith(mintToken('dtok', randomBytes).text))
        await raw.closed()
      }
    }
    const attackers = Array.from({ length: 20 }, attacker)
    const ms: number[] = []
    while (left > 0) ms.push(await beat())
    await Promise.all(attackers)
    await client.end()
    return atMost(Math.max(0, quantile(ms, 0.99) - quantile(quiet, 0.99)), 250, 'ms')
  },
}

const flapping: Row<LapelTarget> = {
  attack: 'a device that comes and goes 100 times: sessions opened',
  bound: '60',
  measure: async ({ port, device }) => {
    const { token } = await device()
    let opened = 0
    for (let i = 0; i < 100; i += 1)
      if ((await connackOf(port, connectWith(token))) === 0) opened += 1
    const { value, held } = atMost(opened, 60, '')
    // None at all would say that the attack never came this far.
    return { value, held: held && opened > 0 }
  },
}

const clones: Row<LapelTarget> = {
  attack:
    'two holders of one token that take it from each other: takeovers until it is recorded and both are closed',
  bound: `${takeoversPerMinuteMax + 1}`,
  measure: async ({ port, device, lapel }) => {
    const own = await device()
    const recorded = async (): Promise<number | undefined> => {
      const { body } = await lapel.api(`GET /v1/devices/${own.id}/history`)
      const events = body['data'] as { type: string; data: { takeovers?: number } }[]
      return events.find(({ type }) => type === 'CloneSuspected')?.data.takeovers
    }
    // As fast as they can, and not once more than the bound lets: what is not closed by then stays open.
    let newest: Promise<void> | undefined
    for (let connects = 0; connects <= takeoversPerMinuteMax + 1; connects += 1) {
      const one = await connectDevice(port, own.token).catch(() => undefined)
      newest = one?.closed
    }
    const takeovers = await until(recorded, { what: 'CloneSuspected' })
    await newest
    return atMost(takeovers, takeoversPerMinuteMax + 1, '')
  },
}

export const lapelRows: readonly Row<LapelTarget>[] = [
  staleSession,
  revocation,
  flapping,
  clones,
  // Its address is one of the bad ones from now on.
  honest,
]

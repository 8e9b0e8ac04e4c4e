import { connect } from 'node:net'
import { bodyBytesMax, httpHeadersMsMax, jsonDepthMax } from '../../protocol/limits.ts'
import { until } from '../support/until.ts'
import { growthMib } from './process-cost.ts'
import { atMost, type LapelTarget, type Row } from './row.ts'

const portOf = (url: string): number => Number(new URL(url).port)

const slowHeaders: Row<LapelTarget> = {
  attack: '100 requests that say a header a second: open after 14 s',
  bound: '0',
  measure: async ({ lapel }) => {
    let open = 0
    for (let i = 0; i < 100; i += 1) {
      const socket = connect({ port: portOf(lapel.http), host: '127.0.0.1' })
      open += 1
      socket.on('error', () => {})
      socket.on('connect', () => socket.write('GET /v1/devices HTTP/1.1\r\nHost: x\r\n'))
      const timer = setInterval(() => socket.write('X-A: b\r\n'), 1_000)
      // What it is told before the end is read, or the end would not be seen.
      socket.resume()
      socket.on('close', () => {
        clearInterval(timer)
        open -= 1
      })
    }
    const msMax = httpHeadersMsMax + 4_000
    await until(() => open === 0, { msMax, what: 'the end of all' }).catch(() => {})
    return atMost(open, 0, '')
  },
}

/** Whatever the answer is, it is no success and no fault of the server's. */
const taken = async (
  { lapel }: LapelTarget,
  bodies: readonly string[],
  route = 'POST /v1/end-users',
): Promise<number> => {
  let count = 0
  for (const body of bodies) {
    const { status } = await lapel.call(lapel.key, route, body)
    if (status < 400 || status >= 500) count += 1
  }
  return count
}

const deep = (levels: number): string => `${'{"metadata":'.repeat(levels)}{}${'}'.repeat(levels)}`

const bombs: Row<LapelTarget> = {
  attack:
    'JSON: too deep, too long, prototypes, duplicate keys, huge numbers: taken or failed over',
  bound: '0',
  measure: async (target) =>
    atMost(
      await taken(target, [
        deep(jsonDepthMax + 1),
        `${'['.repeat(100_000)}`,
        `{"name":"${'x'.repeat(bodyBytesMax)}"}`,
        '{"__proto__":{"admin":true},"name":"x"}',
        '{"name":"a","name":"b"}',
        `{"metadata":{"n":1${'0'.repeat(400)}}}`,
        '{"name":"\\ud800"}',
        '{"name":"a\\u0000b"}',
      ]),
      0,
      '',
    ),
}

const manyBodies: Row<LapelTarget> = {
  attack: '200 bodies of 1 MiB without a credential: memory',
  bound: '64 MiB',
  measure: async ({ lapel, pid }) => {
    const body = `{"name":"${'x'.repeat(bodyBytesMax - 100)}"}`
    const send = () => lapel.call('sk_test_x', 'POST /v1/end-users', body).catch(() => undefined)
    const mib = await growthMib(pid, async () => {
      for (let i = 0; i < 10; i += 1) await Promise.all(Array.from({ length: 20 }, send))
    })
    return atMost(mib, 64, 'MiB')
  },
}

const logLines: Row<LapelTarget> = {
  attack: 'lines forged in the log by a topic, a header and a client id',
  bound: '0',
  measure: async ({ lapel }) => {
    const mark = 'forged-line'
    await lapel.call('sk_test_x', `GET /v1/devices/%0a${mark}`).catch(() => undefined)
    await lapel.call(`sk_test_x%0a${mark}`, 'GET /v1/devices').catch(() => undefined)
    const forged = lapel
      .output()
      .split('\n')
      .filter((line) => line.startsWith(mark))
    return atMost(forged.length, 0, '')
  },
}

const secrets: Row<LapelTarget> = {
  attack: 'tokens and keys that were used, found in the log',
  bound: '0',
  measure: async ({ lapel, device }) => {
    const { token } = await device()
    await lapel.call(token, 'GET /v1/devices/me')
    await lapel.call(`${token}x`, 'GET /v1/devices/me')
    const found = [token, lapel.key].filter((secret) =>
      lapel.output().includes(secret.slice(20, 40)),
    )
    return atMost(found.length, 0, '')
  },
}

export const httpRows: readonly Row<LapelTarget>[] = [
  slowHeaders,
  bombs,
  manyBodies,
  logLines,
  secrets,
]

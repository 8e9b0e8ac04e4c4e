import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProjectId } from '../../protocol/ids.ts'
import { bodyOf, HttpSockets, statusOf } from './http-socket.ts'
import { runProgram } from './programs.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const bin = join(root, 'bin/lapel.js')

export type BoundDevice = { readonly id: string; readonly token: string }

export type LapelUnderTest = {
  readonly pid: number
  readonly httpPort: number
  readonly mqttPort: number
  readonly databaseUrl: string
  readonly eventStoreUrl: string
  readonly s3Endpoint: string
  readonly data: string
  /** The test world of its key. */
  readonly project: ProjectId
  /** The test world of one more. */
  readonly createProject: () => Promise<ProjectId>
  readonly secretsFile: string
  /** The bearer of its start. */
  readonly admin: string
  readonly key: string
  readonly call: (
    method: string,
    path: string,
    body?: object,
  ) => Promise<{ status: number; body: Record<string, unknown> }>
  readonly bindDevices: (count: number) => Promise<readonly BoundDevice[]>
  readonly stop: () => Promise<void>
}

const portOf = (address: string): number => Number(address.split(':').at(-1))

const whenReady = async (data: string): Promise<Record<string, string>> => {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const text = await readFile(join(data, 'node.json'), 'utf8').catch(() => undefined)
    if (text) return JSON.parse(text)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('lapel did not start within 60 s')
}

/** So many pieces of work, so many of them at once. */
export const inParallel = async <T>(
  count: number,
  atOnce: number,
  work: (i: number) => Promise<T>,
): Promise<T[]> => {
  const results: T[] = []
  let next = 0
  const worker = async () => {
    while (next < count) {
      const i = next++
      results[i] = await work(i)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}

/** `fetch` would take as much of the processor for a write as the event store does. */
const caller = (port: number, key: string): LapelUnderTest['call'] => {
  const sockets = new HttpSockets(port)
  const about = `host: 127.0.0.1\r\nauthorization: Bearer ${key}\r\n`
  return async (method, path, body) => {
    const sent = body ? JSON.stringify(body) : ''
    const ofBody = body
      ? `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(sent)}\r\n`
      : ''
    const response = await sockets.send(
      `${method} ${path} HTTP/1.1\r\n${about}${ofBody}\r\n${sent}`,
    )
    return { status: statusOf(response), body: JSON.parse(bodyOf(response)) }
  }
}

type World = { readonly id_test: ProjectId }

/** `lapel serve` on embedded defaults in a folder of its own, rate limits off unless told otherwise. */
export const startLapel = async (
  given: Readonly<Record<string, string>> = {},
): Promise<LapelUnderTest> => {
  const data = await mkdtemp(join(tmpdir(), 'lapel-bench-'))
  const env = {
    ...process.env,
    LAPEL_DATA: data,
    LAPEL_HTTP: '127.0.0.1:0',
    LAPEL_MQTT: '127.0.0.1:0',
    LAPEL_RATE_KEY: '0',
    LAPEL_RATE_DEVICE: '0',
    LAPEL_RATE_PROJECT: '0',
    LAPEL_LOG: 'error',
    ...given,
  }
  process.env['LAPEL_DATA'] = data
  const child = spawn(process.execPath, [bin, 'serve'], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const node = await whenReady(data)
  const run = <Result>(...args: readonly string[]) => runProgram<Result>(bin, ...args, '--json')
  const { key } = await run<{ key: string }>('keys', 'create', '--mode', 'test')
  const [first] = await run<readonly World[]>('projects', 'list')
  const httpPort = portOf(node['http'] ?? '')

  const call = caller(httpPort, key)
  const expect = async (method: string, path: string, body?: object) => {
    const answer = await call(method, path, body)
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  return {
    pid: child.pid ?? 0,
    httpPort,
    mqttPort: portOf(node['mqtt'] ?? ''),
    databaseUrl: node['database_url'] ?? '',
    eventStoreUrl: node['eventstore_url'] ?? '',
    s3Endpoint: node['s3_endpoint'] ?? '',
    data,
    project: String(first?.id_test) as ProjectId,
    createProject: async () => {
      const made = await run<World>('projects', 'create', '--name', 'Another')
      return made.id_test
    },
    secretsFile: join(data, 'secrets.json'),
    admin: node['admin'] ?? '',
    key,
    call,
    bindDevices: async (count) => {
      const person = await expect('POST', '/v1/end-users', { name: 'Bench' })
      const run = Date.now().toString(36)
      return inParallel(count, 16, async (i) => {
        const device = await expect('POST', '/v1/devices', {
          serial_number: `${run}-${i}`,
          model: 'bota_pin',
        })
        const bound = await expect('POST', `/v1/devices/${device['id']}/bind`, {
          end_user_id: person['id'],
        })
        return { id: String(device['id']), token: String(bound['device_token']) }
      })
    },
    stop: async () => {
      child.kill('SIGTERM')
      await exited
      await rm(data, { recursive: true, force: true })
    },
  }
}

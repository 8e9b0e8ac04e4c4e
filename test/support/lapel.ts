import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { checkDescribed } from './described.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const bin = join(root, 'bin/lapel.js')
const run = promisify(execFile)

export type NodeFile = {
  readonly pid: number
  readonly http: string
  readonly mqtt: string
  readonly mqtts?: string
  readonly mqtt_ws?: string
  readonly admin: string
  readonly eventstore_url: string
  readonly database_url: string
  readonly s3_endpoint: string
}

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

export type RunningLapel = {
  readonly data: string
  readonly node: NodeFile
  readonly http: string
  readonly mqttPort: number
  /** What it printed so far. */
  readonly output: () => string
  readonly cli: (...args: readonly string[]) => Promise<unknown>
  readonly call: (
    key: string,
    /** Method and path: `POST /v1/devices`. */
    route: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  readonly kill9: () => Promise<void>
  /** SIGTERM; its exit code. The folder stays until `remove`. */
  readonly stop: () => Promise<number | null>
  readonly remove: () => Promise<void>
}

/** Of the process that was started here: a killed one leaves its file behind. */
const readNode = async (data: string, pid: number | undefined): Promise<NodeFile | undefined> => {
  const text = await readFile(join(data, 'node.json'), 'utf8').catch(() => undefined)
  const node: NodeFile | undefined = text === undefined ? undefined : JSON.parse(text)
  return node?.pid === pid ? node : undefined
}

const exitOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('exit', (code) => resolve(code))
  })

const portOf = (address: string): number => Number(address.split(':').at(-1))

/** `lapel serve` as a user starts it, on ports of its own; a folder may be given to start on what another run left. */
export const startLapelProcess = async (
  env: Readonly<Record<string, string>> = {},
  folder?: { readonly path: string; readonly remove: () => Promise<void> },
): Promise<RunningLapel> => {
  const data = folder ?? (await temporaryFolder())
  const full = {
    ...process.env,
    LAPEL_DATA: data.path,
    LAPEL_HTTP: '127.0.0.1:0',
    LAPEL_MQTT: '127.0.0.1:0',
    ...env,
  }
  const child = spawn(process.execPath, [bin, 'serve'], {
    cwd: root,
    env: full,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const gone = () => child.exitCode !== null || child.signalCode !== null
  const found = await until(async () => gone() || (await readNode(data.path, child.pid)), {
    msMax: 60_000,
    what: 'node.json',
  })
  if (found === true) throw new Error(`lapel ended at its start:\n${output}`)
  const node = found
  const http = /^https?:/.test(node.http) ? node.http : `http://${node.http}`
  return {
    data: data.path,
    node,
    http,
    mqttPort: portOf(node.mqtt),
    output: () => output,
    cli: async (...args) => {
      const { stdout } = await run(process.execPath, [bin, ...args, '--json'], {
        cwd: root,
        env: full,
      })
      return JSON.parse(stdout)
    },
    call: async (key, route, body, headers = {}) => {
      const [method = 'GET', path = '/'] = route.split(' ')
      const response = await fetch(http + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      const { status, headers: answered } = response
      checkDescribed({ method, path, status, headers: answered, text })
      return {
        status: response.status,
        headers: response.headers,
        body: text ? JSON.parse(text) : {},
      }
    },
    kill9: async () => {
      child.kill('SIGKILL')
      await exitOf(child)
    },
    stop: async () => {
      child.kill('SIGTERM')
      return exitOf(child)
    },
    remove: data.remove,
  }
}

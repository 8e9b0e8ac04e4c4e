import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { NodeFile } from '../support/lapel.ts'
import { until } from '../support/until.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const bin = join(root, 'bin/lapel.js')
const run = promisify(execFile)

export type Victim = 'node' | 'event store' | 'postgres' | 'object store'

export type NodeUnderFire = {
  readonly data: string
  /** Addresses; they stay the same over every restart. */
  readonly http: string
  readonly mqttPort: number
  readonly cli: <Result>(...args: readonly string[]) => Promise<Result>
  /** kill -9; a node is started again, its children come back by themselves. */
  readonly kill: (victim: Victim) => Promise<void>
  readonly nodeFile: () => Promise<NodeFile>
  readonly isReady: () => Promise<boolean>
  readonly stop: () => Promise<void>
}

const readNode = async (data: string): Promise<NodeFile | undefined> => {
  const text = await readFile(join(data, 'node.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

/** What stands in the command line of each, below the data folder. */
const marks = {
  'event store': 'eventstore',
  postgres: join('postgres', 'cluster'),
  'object store': 'objects',
} as const

/** Processes of this node, found by what their command line names. */
const pidsOf = async (data: string, victim: keyof typeof marks): Promise<number[]> => {
  const { stdout } = await run('ps', ['-axo', 'pid=,command='], { maxBuffer: 16 << 20 })
  const mark = join(data, marks[victim])
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match?.[2]?.includes(mark) && !match[2].includes('guardian'))
    .map((match) => Number(match?.[1]))
}

/** One that ended since it was listed needs no kill. */
const killHard = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const freePort = async (): Promise<number> => {
  const { freePort: find } = await import('../../src/embedded/kept-port.ts')
  return find()
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('exit', () => resolve())
  })

/** A whole Lapel on embedded defaults. `program` is `lapel serve`, or a test's own composition of it. */
export const startUnderFire = async (
  program: readonly string[] = [bin, 'serve'],
): Promise<NodeUnderFire> => {
  const data = await mkdtemp(join(tmpdir(), 'lapel-chaos-'))
  const [httpPort, mqttPort] = [await freePort(), await freePort()]
  const http = `http://127.0.0.1:${httpPort}`
  const env = {
    ...process.env,
    LAPEL_DATA: data,
    LAPEL_HTTP: `127.0.0.1:${httpPort}`,
    LAPEL_MQTT: `127.0.0.1:${mqttPort}`,
    LAPEL_RATE_KEY: '0',
    LAPEL_RATE_DEVICE: '0',
    LAPEL_LOG: process.env['CHAOS_LOG'] ?? 'silent',
  }
  const start = () =>
    spawn(process.execPath, [...program], {
      cwd: root,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  let child = start()

  const isReady = async (): Promise<boolean> => {
    const response = await fetch(`${http}/health/ready`).catch(() => undefined)
    if (response?.status !== 200) return false
    const { checks } = (await response.json()) as { checks: Record<string, { status: string }> }
    return ['event_store', 'postgres', 'object_store', 'auth', 'projections'].every(
      (name) => checks[name]?.status === 'ok',
    )
  }
  const whenReady = () => until(isReady, { msMax: 60_000, what: 'a node that is ready' })
  await whenReady()

  return {
    data,
    http,
    mqttPort,
    isReady,
    nodeFile: async () => until(() => readNode(data), { what: 'node.json' }),
    cli: async <Result>(...args: readonly string[]) => {
      const { stdout } = await run(process.execPath, [bin, ...args, '--json'], {
        cwd: root,
        env,
        maxBuffer: 64 << 20,
      })
      return JSON.parse(stdout) as Result
    },
    kill: async (victim) => {
      if (victim !== 'node') {
        for (const pid of await pidsOf(data, victim)) killHard(pid)
        return
      }
      child.kill('SIGKILL')
      await ended(child)
      child = start()
    },
    stop: async () => {
      child.kill('SIGTERM')
      await ended(child)
      await rm(data, { recursive: true, force: true })
    },
  }
}

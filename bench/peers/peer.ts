import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A broker beside which Lapel is measured. */
export type RunningPeer = {
  readonly name: string
  readonly port: number
  readonly pid: number
  readonly stop: () => Promise<void>
}

const startMsMax = 60_000
const stopMsMax = 10_000

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null

/** SIGTERM to the group that was started here, SIGKILL where that does not do. */
const end = async (child: ChildProcess): Promise<void> => {
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (child.pid) process.kill(-child.pid, name)
    } catch {
      // Nobody is left of it.
    }
  }
  signal('SIGTERM')
  for (let waited = 0; !isOver(child) && waited < stopMsMax; waited += 100) await delay(100)
  signal('SIGKILL')
}

/** The first of the files that is installed. */
export const installed = (...files: readonly string[]): string | undefined =>
  files.find((file) => existsSync(file))

export type Started = {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a broker in a folder of its own; resolves once its port answers. */
export const startPeer = async (
  name: string,
  prepare: (folder: string, port: number) => Promise<Started>,
): Promise<RunningPeer> => {
  const folder = await mkdtemp(join(tmpdir(), 'lapel-peer-'))
  const port = await freePort()
  const { command, args, env } = await prepare(folder, port)
  const child = spawn(command, args, {
    cwd: folder,
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  const stop = async (): Promise<void> => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  const deadline = performance.now() + startMsMax
  while (!(await answers(port))) {
    if (!isOver(child) && performance.now() < deadline) await delay(100)
    else {
      await stop()
      throw new Error(`${name} did not start`)
    }
  }
  return { name, port, pid: child.pid ?? 0, stop }
}

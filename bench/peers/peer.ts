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
  /** Takes no processor until it is resumed: what it still has to do is done in its own turn. */
  readonly pause: () => void
  readonly resume: () => void
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

/** To a process, or with a negative number to a group. */
const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // Nobody is left of it.
  }
}

/** How that process, or that group, is held up and let go on. */
export const pausing = (pid: number): Pick<RunningPeer, 'pause' | 'resume'> => ({
  pause: () => signal(pid, 'SIGSTOP'),
  resume: () => signal(pid, 'SIGCONT'),
})

/** SIGTERM to the group that was started here, SIGKILL where that does not do. */
const end = async (child: ChildProcess, group: number): Promise<void> => {
  signal(group, 'SIGCONT')
  signal(group, 'SIGTERM')
  for (let waited = 0; !isOver(child) && waited < stopMsMax; waited += 100) await delay(100)
  signal(group, 'SIGKILL')
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
  if (child.pid === undefined) throw new Error(`${name} did not start`)
  const group = -child.pid
  const stop = async (): Promise<void> => {
    await end(child, group)
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
  return { name, port, pid: child.pid, ...pausing(group), stop }
}

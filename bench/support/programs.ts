import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

export type Program = {
  /** What stood behind `ready`. */
  readonly ready: string
  readonly pid: number
  readonly stop: () => Promise<void>
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) =>
    child.exitCode === null && child.signalCode === null
      ? child.once('exit', () => resolve())
      : resolve(),
  )

/** Starts a program of this folder; resolves with its `ready` line. */
export const startProgram = async (file: string, ...args: readonly string[]): Promise<Program> => {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await ended(child)
  }
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('ready ')) continue
    return { ready: line.slice('ready '.length), pid: child.pid ?? 0, stop }
  }
  throw new Error(`${file} ended before it was ready`)
}

/** Runs a program to its end; what it printed, parsed as JSON. */
export const runProgram = async <Result>(
  file: string,
  ...args: readonly string[]
): Promise<Result> => {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  await ended(child)
  if (child.exitCode !== 0) throw new Error(`${file} ended with ${child.exitCode}`)
  return JSON.parse(text)
}

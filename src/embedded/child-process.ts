import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import {
  childBackoffFirstMs,
  childBackoffMsMax,
  childLineCharsMax,
  childReadyMsMax,
  childStartAttemptsMax,
  childStderrLinesMax,
  childSteadyMs,
  childStopMsMax,
} from '../../protocol/limits.ts'

export type ChildLog = Readonly<
  Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>
>

export type ChildExit = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export type ChildOptions = {
  /** Stands in log lines and errors: `postgres`, `event store`. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The first line on standard output that matches means that the child serves. */
  readonly readyLine: RegExp
  readonly log: ChildLog
  /** `always` (default): a child that dies by itself is started again, with bounded back-off. */
  readonly restart?: 'always' | 'never'
  readonly env?: Readonly<Record<string, string>>
  /** Called at each end of the child, also those that a restart follows. */
  readonly onExit?: (exit: ChildExit) => void
  readonly readyMsMax?: number
  readonly stopMsMax?: number
  readonly backoff?: { readonly firstMs: number; readonly msMax: number }
}

export type SupervisedChild = {
  /** The ready line's match, of the first start. */
  readonly ready: RegExpExecArray
  /** The pid of the running child; undefined between an end and the next start. */
  pid(): number | undefined
  /** The last exit; resolves when no further start will follow. */
  readonly exited: Promise<ChildExit>
  /** SIGTERM, then SIGKILL to its whole process group past `stopMsMax`. May be called twice. */
  stop(): Promise<void>
}

/** The child ended, or was not ready in time, before it served. The message holds its last words. */
export class ChildNotReady extends Error {
  override readonly name = 'ChildNotReady'
  readonly exit: ChildExit
  /** By a signal that is not ours: a new start may well succeed. */
  readonly wasKilled: boolean

  constructor(message: string, exit: ChildExit, wasKilled: boolean) {
    super(message)
    this.exit = exit
    this.wasKilled = wasKilled
  }
}

type RunningChild = {
  readonly pid: number
  readonly ready: RegExpExecArray
  readonly stderr: readonly string[]
  readonly exited: Promise<ChildExit>
  stop(): Promise<ChildExit>
}

/** A line longer than the limit is cut into several: a child cannot make its parent hold its output. */
const eachLine = (stream: Readable, take: (line: string) => void) => {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
    if (rest.length > childLineCharsMax) {
      take(rest)
      rest = ''
    }
  })
  stream.on('end', () => {
    if (rest !== '') take(rest)
  })
  stream.on('error', () => {})
}

const kill = (pid: number, signal: NodeJS.Signals) => {
  try {
    process.kill(pid, signal)
  } catch {
    // ESRCH: it is gone, which is what was asked for.
  }
}

/** The promise's value, or `late` after so many milliseconds. Leaves no timer behind. */
const within = async <T>(ms: number, promise: Promise<T>): Promise<T | 'late'> => {
  const timer = new AbortController()
  const late = delay(ms, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const)
  const first = await Promise.race([promise, late])
  timer.abort()
  return first
}

const exitOf = (child: ChildProcess, stderr: string[]) =>
  new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', (error) => {
      stderr.push(error.message)
      if (child.pid === undefined) resolve({ code: null, signal: null })
    })
  })

const inWords = ({ code, signal }: ChildExit) =>
  signal ? `was ended by ${signal}` : code === null ? 'did not start' : `ended with code ${code}`

const stderrKeeper = (options: ChildOptions, stderr: string[]) => (line: string) => {
  stderr.push(line)
  if (stderr.length > childStderrLinesMax) stderr.shift()
  options.log.debug({ child: options.name, line }, 'child says')
}

/** One run of the child, from its spawn to its ready line. */
const startChild = async (options: ChildOptions, signal: AbortSignal): Promise<RunningChild> => {
  const stderr: string[] = []
  // Detached: a group of its own, so that a terminal's Ctrl-C does not reach it before our orderly stop.
  // The pipe on its standard input is the tie: it ends when we do, however we end.
  const child = spawn(options.command, [...options.args], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.env ? { env: { ...options.env } } : {}),
  })
  child.stdin.on('error', () => {})
  const exited = exitOf(child, stderr)
  eachLine(child.stderr, stderrKeeper(options, stderr))
  const readied = new Promise<RegExpExecArray>((resolve) => {
    eachLine(child.stdout, (line) => {
      const match = options.readyLine.exec(line)
      if (match) resolve(match)
    })
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const { pid } = child

  const stop = async (): Promise<ChildExit> => {
    if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return exited
    kill(pid, 'SIGTERM')
    child.stdin.end()
    if ((await within(options.stopMsMax ?? childStopMsMax, exited)) === 'late') {
      options.log.warn({ child: options.name, pid }, 'child did not stop in time: killed')
      kill(-pid, 'SIGKILL')
    }
    return exited
  }

  const aborted = new Promise<'aborted'>((resolve) => {
    signal.addEventListener('abort', () => resolve('aborted'), { once: true })
    if (signal.aborted) resolve('aborted')
  })
  const outcome = await within(
    options.readyMsMax ?? childReadyMsMax,
    Promise.race([readied, exited, aborted]),
  )
  if (pid !== undefined && Array.isArray(outcome))
    return { pid, ready: outcome, stderr, exited, stop }

  const exit = await stop()
  await within(1_000, closed) // its last words may still stand in the pipe
  const endedByItself = typeof outcome !== 'string' && !Array.isArray(outcome)
  const why = endedByItself
    ? `${options.name} ${inWords(exit)} before it was ready`
    : `${options.name} was not ready (${outcome})`
  const message = [why, ...stderr].join('\n  ')
  throw new ChildNotReady(message, exit, endedByItself && exit.signal !== null)
}

const paused = (ms: number, signal: AbortSignal) =>
  delay(ms, undefined, { signal }).catch(() => undefined)

const doubled = (ms: number, { backoff }: ChildOptions) =>
  Math.min(ms * 2, backoff?.msMax ?? childBackoffMsMax)

/** Starts the child again until it is ready; undefined when that was given up by `stop`. */
const startAgain = async (
  options: ChildOptions,
  signal: AbortSignal,
  firstMs: number,
): Promise<RunningChild | undefined> => {
  for (let ms = firstMs; !signal.aborted; ms = doubled(ms, options)) {
    await paused(ms, signal)
    if (signal.aborted) return undefined
    try {
      const next = await startChild(options, signal)
      options.log.info({ child: options.name, pid: next.pid }, 'child runs again')
      return next
    } catch (error) {
      if (!(error instanceof ChildNotReady)) throw error
      if (!signal.aborted)
        options.log.warn({ child: options.name, error: error.message }, 'child did not start')
    }
  }
  return undefined
}

/** The first start: one that was killed is tried again, up to `childStartAttemptsMax` times in all. */
const startFirst = async (options: ChildOptions, signal: AbortSignal): Promise<RunningChild> => {
  let pauseMs = options.backoff?.firstMs ?? childBackoffFirstMs
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startChild(options, signal)
    } catch (error) {
      const mayTryAgain =
        error instanceof ChildNotReady && error.wasKilled && options.restart !== 'never'
      if (!mayTryAgain || attempt >= childStartAttemptsMax) throw error
      const { name, log } = options
      log.warn(
        { child: name, attempt, error: error.message },
        'child was killed: starting it again',
      )
      await paused(pauseMs, signal)
      pauseMs = doubled(pauseMs, options)
    }
  }
}

/**
 * Starts a child and keeps it running.
 *
 * Resolves at its first ready line; throws `ChildNotReady` when the first start fails (a wrong port or a
 * broken data directory must be told, not repeated; only a child that was killed from outside is started
 * again). Afterwards a child that ends by itself is started again with the same arguments, until `stop`.
 */
export const superviseChild = async (options: ChildOptions): Promise<SupervisedChild> => {
  const stopping = new AbortController()
  const firstMs = options.backoff?.firstMs ?? childBackoffFirstMs
  let running: RunningChild | undefined = await startFirst(options, stopping.signal)
  const { ready } = running
  const mayRestart = () => !stopping.signal.aborted && options.restart !== 'never'

  const onceEnded = async (last: RunningChild): Promise<ChildExit> => {
    const exit = await last.exited
    running = undefined
    options.onExit?.(exit)
    if (mayRestart())
      options.log.warn(
        { child: options.name, ...exit, stderr: last.stderr },
        `${options.name} ${inWords(exit)}: starting it again`,
      )
    return exit
  }

  const watch = async (first: RunningChild): Promise<ChildExit> => {
    let since = performance.now()
    let exit = await onceEnded(first)
    let pauseMs = firstMs
    while (mayRestart()) {
      // A child that ran steadily begins the back-off anew; one that dies at once keeps doubling it.
      if (performance.now() - since >= childSteadyMs) pauseMs = firstMs
      const next = await startAgain(options, stopping.signal, pauseMs)
      if (!next) return exit
      running = next
      since = performance.now()
      pauseMs = doubled(pauseMs, options)
      if (stopping.signal.aborted) await next.stop()
      exit = await onceEnded(next)
    }
    return exit
  }
  const exited = watch(running)

  return {
    ready,
    exited,
    pid: () => running?.pid,
    stop: async () => {
      stopping.abort()
      await running?.stop()
      await exited
    },
  }
}

import { spawn } from 'node:child_process'

export type TestFileResult = {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly seconds: number
  /** Why the file as a whole failed, beyond its single tests; undefined otherwise. */
  readonly fault: string | undefined
  readonly output: string
}

export type Summary = { readonly total: number; readonly passed: number; readonly skipped: number }

const outputCharsMax = 2_000_000
const lastWordsMsMax = 2_000

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one.
const colours = /\u001b\[[0-9;]*m/g

/** The counts that uvu prints at the end; undefined when the file never called `.run()` or died before. */
export const parseSummary = (output: string): Summary | undefined => {
  const plain = output.replace(colours, '')
  const count = (label: string) => {
    const found = [...plain.matchAll(new RegExp(`^  ${label}:\\s+(\\d+)\\s*$`, 'gm'))].at(-1)
    return found ? Number(found[1]) : undefined
  }
  const [total, passed, skipped] = [count('Total'), count('Passed'), count('Skipped')]
  if (total === undefined || passed === undefined || skipped === undefined) return undefined
  return { total, passed, skipped }
}

type Ending = { readonly code: number | null; readonly late: boolean }

/** What is wrong with a file as a whole, given how it ended. */
export const faultOf = (
  summary: Summary | undefined,
  { code, late }: Ending,
  msMax: number,
): string | undefined => {
  if (late) return `did not end within ${msMax / 1_000} s`
  if (!summary || summary.total === 0) return 'ran no test'
  if (summary.skipped > 0) return `skipped ${summary.skipped}`
  if (code !== 0 && summary.passed === summary.total) return `ended with code ${code}`
  return undefined
}

const killGroup = (pid: number | undefined) => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // ESRCH: the whole group has ended.
  }
}

const runToEnd = (
  file: string,
  env: NodeJS.ProcessEnv,
  { msMax, signal }: { readonly msMax: number; readonly signal: AbortSignal | undefined },
) =>
  new Promise<Ending & { output: string }>((resolve) => {
    let output = ''
    let late = false
    // A group of its own: what the file leaves behind in it can be ended with it.
    const child = spawn(process.execPath, [file], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, NO_COLOR: '1' },
    })
    const take = (chunk: Buffer) => {
      if (output.length < outputCharsMax) output += chunk.toString('utf8')
    }
    const stop = () => killGroup(child.pid)
    const timer = setTimeout(() => {
      late = true
      stop()
    }, msMax)
    signal?.addEventListener('abort', stop, { once: true })
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', (code) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      killGroup(child.pid)
      // A process that the file left outside its group may hold the pipe open: its words are not awaited.
      const resolveNow = () => resolve({ code, late, output })
      const patience = setTimeout(resolveNow, lastWordsMsMax)
      child.once('close', () => {
        clearTimeout(patience)
        resolveNow()
      })
    })
  })

/** Runs one test file in a Node process of its own. */
export const runTestFile = async (
  file: string,
  options: {
    readonly msMax: number
    readonly env: NodeJS.ProcessEnv
    readonly signal?: AbortSignal
  },
): Promise<TestFileResult> => {
  const since = performance.now()
  const { output, ...ending } = await runToEnd(file, options.env, {
    msMax: options.msMax,
    signal: options.signal,
  })
  const summary = parseSummary(output)
  const fault = faultOf(summary, ending, options.msMax)
  const { total, passed } = summary ?? { total: 0, passed: 0 }
  return {
    file,
    passed,
    failed: total - passed + (fault === undefined ? 0 : 1),
    seconds: (performance.now() - since) / 1_000,
    fault,
    output,
  }
}

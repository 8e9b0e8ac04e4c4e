import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Resident memory of a process, in MiB. */
export const residentMib = (pid: number): number =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', `${pid}`]).toString()) / 1_024

/** How much more of it there is after the work, at its end. */
export const growthMib = async (pid: number, work: () => Promise<unknown>): Promise<number> => {
  const before = residentMib(pid)
  await work()
  return Math.max(0, residentMib(pid) - before)
}

/** `[dd-]hh:mm:ss` or `mm:ss.cc` of `ps`. */
const secondsOf = (text: string): number => {
  const [, days = '0', rest = ''] = /^(?:(\d+)-)?(.*)$/.exec(text.trim()) ?? []
  const parts = rest.split(':').map(Number)
  return Number(days) * 86_400 + parts.reduce((sum, part) => sum * 60 + part, 0)
}

const ticksPerSecond = 100

/** User and system time are fields 14 and 15 of proc(5)'s `stat`; the name, field 2, may hold anything. */
const secondsInProc = (stat: string): number => {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Nanoseconds on a processor are the first field of `schedstat`; a thread that ends meanwhile has none. */
const secondsOfThread = (folder: string): number => {
  try {
    return Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  } catch {
    return 0
  }
}

/**
 * CPU of a process so far, in seconds: in nanoseconds where Linux counts them for each of its threads, in hundredths where it does not;
 * `ps` knows whole seconds alone.
 */
export const cpuSeconds = (pid: number): number => {
  const proc = `/proc/${pid}`
  if (existsSync(`${proc}/schedstat`))
    return readdirSync(`${proc}/task`).reduce(
      (sum, thread) => sum + secondsOfThread(`${proc}/task/${thread}`),
      0,
    )
  if (existsSync(`${proc}/stat`)) return secondsInProc(readFileSync(`${proc}/stat`, 'utf8'))
  return secondsOf(execFileSync('ps', ['-o', 'time=', '-p', `${pid}`]).toString())
}

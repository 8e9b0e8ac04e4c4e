import { execFileSync } from 'node:child_process'

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

/** CPU of a process so far, in seconds; as fine as `ps` tells it. */
export const cpuSeconds = (pid: number): number =>
  secondsOf(execFileSync('ps', ['-o', 'time=', '-p', `${pid}`]).toString())

import { existsSync, readdirSync, readFileSync } from 'node:fs'

type Process = {
  readonly parent: number
  readonly ticks: number
  /** Of its children that are gone. */
  readonly endedTicks: number
  readonly residentPages: number
}

const ticksPerSecond = 100
const pageKib = 4

/** proc(5): after the name, which may hold anything, stand the fields from the third on. */
const processOf = (pid: number): Process | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0, residentPages = 0] = [
      1, 11, 12, 13, 14, 21,
    ].map((i) => fields[i])
    return {
      parent,
      ticks: user + system,
      endedTicks: endedUser + endedSystem,
      residentPages,
    }
  } catch {
    return undefined
  }
}

const treeOf = (root: number): readonly Process[] => {
  const all = new Map<number, Process>()
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) ? processOf(Number(name)) : undefined
    if (found) all.set(Number(name), found)
  }
  const isIn = (pid: number): boolean => {
    for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === root) return true
    return false
  }
  return [...all].filter(([pid]) => isIn(pid)).map(([, one]) => one)
}

/** CPU of a process and all below it so far, with those that are gone, in seconds; `NaN` where there is no `/proc`. */
export const treeCpuSeconds = (root: number): number =>
  existsSync('/proc')
    ? treeOf(root).reduce((sum, { ticks, endedTicks }) => sum + ticks + endedTicks, 0) /
      ticksPerSecond
    : Number.NaN

/** CPU of one process so far, in seconds; `NaN` where there is no `/proc`. */
export const cpuSeconds = (pid: number): number =>
  (processOf(pid)?.ticks ?? Number.NaN) / ticksPerSecond

/** Resident memory of one process, in KiB; `NaN` where there is no `/proc`. */
export const residentKib = (pid: number): number =>
  (processOf(pid)?.residentPages ?? Number.NaN) * pageKib

import { readFile, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { orphanWaitMsMax } from '../../../protocol/limits.ts'
import { runCommand } from './run-command.ts'

const pollMs = 25

/** The pid in a cluster's `postmaster.pid` (its first line), or undefined. */
export const readPostmasterPid = async (cluster: string): Promise<number | undefined> => {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number(text.split('\n', 1)[0])
  return Number.isInteger(pid) && pid > 1 ? pid : undefined
}

type Process = { readonly parent: number; readonly command: string }

/** A running process, or undefined when there is none (a zombie has no command line and is none). */
const processOf = async (pid: number): Promise<Process | undefined> => {
  const { code, output } = await runCommand({
    command: 'ps',
    args: ['-ww', '-o', 'ppid=,stat=,command=', '-p', `${pid}`],
  })
  const [, parent, state = '', command] = /^\s*(\d+)\s+(\S+)\s+(.*)/.exec(output) ?? []
  if (code !== 0 || command === undefined || state.startsWith('Z')) return undefined
  return { parent: Number(parent), command }
}

/** That pid, if it is a Postgres of this very cluster: pids are used again, and a stranger is never signalled. */
const postgresOf = async (pid: number, cluster: string): Promise<Process | undefined> => {
  const found = await processOf(pid)
  const real = await realpath(cluster).catch(() => cluster)
  const named = (path: string) => `${found?.command} `.includes(` -D ${path} `)
  if (!found || !/(^|\/)postgres /.test(found.command)) return undefined
  return named(real) || named(cluster) ? found : undefined
}

const isGuarded = async (found: Process): Promise<boolean> =>
  (await processOf(found.parent))?.command.includes('postgres/guardian.ts') ?? false

const until = async (ms: number, condition: () => Promise<boolean>): Promise<boolean> => {
  const deadline = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() >= deadline) return false
    await delay(pollMs)
  }
  return true
}

const signal = (pid: number, name: NodeJS.Signals) => {
  try {
    process.kill(pid, name)
  } catch {
    // ESRCH: it is gone.
  }
}

/** A cluster that another running guardian serves. */
export class ClusterInUse extends Error {
  override readonly name = 'ClusterInUse'
}

/**
 * Frees a cluster of a Postgres that outlived its guardian (both or one killed by -9), so that another can
 * start: fast shutdown, immediate shutdown, kill. One whose guardian lives is given the time in which a
 * guardian without parent stops it. A `postmaster.pid` that names a stranger or nobody is removed.
 * Throws `ClusterInUse` when another guardian goes on serving it.
 */
export const endOrphan = async (
  cluster: string,
  waitMsMax = orphanWaitMsMax,
): Promise<'none' | 'stopped' | 'stale-file'> => {
  const pid = await readPostmasterPid(cluster)
  if (pid === undefined) return 'none'
  const runs = () => postgresOf(pid, cluster)
  if ((await runs()) === undefined) {
    // Left by a kill -9 of the server itself. Its pid may be in use again, which Postgres would take for
    // a running server; that none of its children still hold the shared memory, Postgres checks itself.
    await rm(join(cluster, 'postmaster.pid'), { force: true })
    return 'stale-file'
  }
  const unguarded = await until(waitMsMax, async () => {
    const found = await runs()
    return found === undefined || !(await isGuarded(found))
  })
  if (!unguarded)
    throw new ClusterInUse(`${cluster} is served by Postgres ${pid}, which another Lapel runs`)
  const steps = [
    ['SIGINT', waitMsMax / 2],
    ['SIGQUIT', waitMsMax / 4],
    ['SIGKILL', waitMsMax / 4],
  ] as const
  for (const [name, ms] of steps) {
    if ((await runs()) !== undefined) signal(pid, name)
    if (await until(ms, async () => (await runs()) === undefined)) return 'stopped'
  }
  throw new Error(`the Postgres with pid ${pid} on ${cluster} does not end`)
}

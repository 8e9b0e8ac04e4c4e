import { chmod, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Command, runCommand } from './run-command.ts'
import { PostgresUnavailable } from './unavailable.ts'

/**
 * Under whose name Postgres runs: it refuses uid 0.
 * `unshare`: a user namespace in which our uid has another number; outside, files stay ours, so a
 * project and its data under a 0700 home work without any user of the system.
 */
export type RunAs =
  | { readonly kind: 'self' }
  | { readonly kind: 'unshare' }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }

export type Owner = { readonly uid: number; readonly gid: number }

// 65534 is `nobody` on Linux; initdb wants a uid that the user database knows.
const unshareArgs = ['--user', '--map-user=65534', '--map-group=65534']

export const asCommand = (runAs: RunAs, command: string, args: readonly string[]): Command => {
  switch (runAs.kind) {
    case 'self':
      return { command, args }
    case 'unshare':
      return { command: 'unshare', args: [...unshareArgs, command, ...args] }
    case 'user':
      return { command, args, uid: runAs.uid, gid: runAs.gid }
  }
}

export type RunAsFacts = {
  readonly uid: number
  /** The owner of the cluster that exists, if one does. */
  readonly owner: Owner | undefined
  readonly unshareWorks: () => Promise<boolean>
  /** The accounts to fall back on, best first. */
  readonly accounts: () => Promise<readonly Owner[]>
}

/**
 * As whom to run. A cluster's owner decides before everything else: in the namespace a file of
 * another user could not be read.
 */
export const chooseRunAs = async (facts: RunAsFacts): Promise<RunAs> => {
  const { uid, owner } = facts
  if (uid !== 0) {
    if (owner === undefined || owner.uid === uid) return { kind: 'self' }
    throw new PostgresUnavailable(
      `its data belong to uid ${owner.uid} and this process runs as uid ${uid}`,
    )
  }
  if (owner !== undefined && owner.uid !== 0) return { kind: 'user', ...owner }
  if (await facts.unshareWorks()) return { kind: 'unshare' }
  const [account] = await facts.accounts()
  if (account) return { kind: 'user', ...account }
  throw new PostgresUnavailable(
    'Postgres refuses to run as root, user namespaces are not permitted, and there is no user `postgres` or `nobody`',
  )
}

/** The owner of a path, or undefined where nothing stands. */
export const ownerOf = async (path: string): Promise<Owner | undefined> => {
  const found = await stat(path).catch(() => undefined)
  return found && { uid: found.uid, gid: found.gid }
}

export const unshareWorks = async (): Promise<boolean> =>
  (await runCommand({ command: 'unshare', args: [...unshareArgs, 'id', '-u'] })).code === 0

const accountNamed = async (name: string): Promise<Owner | undefined> => {
  const uid = await runCommand({ command: 'id', args: ['-u', name] })
  const gid = await runCommand({ command: 'id', args: ['-g', name] })
  if (uid.code !== 0 || gid.code !== 0) return undefined
  return { uid: Number(uid.output), gid: Number(gid.output) }
}

export const fallbackAccounts = async (): Promise<readonly Owner[]> => {
  const found = await Promise.all(['postgres', 'nobody'].map(accountNamed))
  return found.filter((account) => account !== undefined)
}

/** Whether that account gets as far as the path: every folder above it lets it through. */
export const canReach = async (runAs: RunAs, path: string): Promise<boolean> =>
  (await runCommand(asCommand(runAs, 'test', ['-x', path]))).code === 0

/** Lets the account through to the data: search permission alone, on the two folders that are ours. */
export const openTheWay = async (dataDir: string, runAs: RunAs) => {
  if (runAs.kind !== 'user') return
  for (const folder of [dirname(dataDir), dataDir]) {
    const { mode, uid } = await stat(folder)
    if (uid === process.getuid?.() && (mode & 0o001) === 0)
      await chmod(folder, (mode & 0o7777) | 0o001)
  }
  if (!(await canReach(runAs, dataDir)))
    throw new PostgresUnavailable(
      `uid ${runAs.uid}, as whom it would run, cannot reach ${dataDir}: choose another LAPEL_DATA, or run as a user that is not root`,
    )
}

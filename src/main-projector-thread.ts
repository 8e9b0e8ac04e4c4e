import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { basename } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { allProjections } from '../projections/all.ts'
import { heartbeats as history } from '../projections/heartbeats.ts'
import { isBusy } from './main-busy.ts'
import { openDatabase } from './main-postgres.ts'
import type { Follower, FromThread, ThreadData, ToThread } from './main-projector.ts'
import type { Audience } from './projecting/audience.ts'
import { followHeartbeats } from './projecting/heartbeat-history.ts'
import type { Mover } from './projecting/keep-moving.ts'
import { startMover } from './projecting/mover.ts'
import type { RebuildOutcome } from './projecting/rebuilds.ts'
import { connectEventStore } from './store/eventstoredb.ts'
import type { Log } from './store/log.ts'
import { createVault } from './store/vault.ts'

// The composition root of the projector's thread.

const { databaseUrl, eventStoreUrl, kek, heartbeatDays, busy } = workerData as ThreadData

const niceness = 5

// Who waits for a PUBACK goes first. On Linux a niceness is that of a thread (setpriority(2), "C library/kernel differences"); where there
// is no such name of it, it stays as it is.
try {
  setPriority(Number(basename(readlinkSync('/proc/thread-self'))), niceness)
} catch {}

const say = (message: FromThread): void => parentPort?.postMessage(message)

/** Errors of the drivers hold what no message can carry: functions, sockets. */
const carried = (value: unknown): unknown => {
  if (!(value instanceof Error)) return value
  const { message, stack, cause } = value
  return Object.assign(new Error(message, { cause: carried(cause) }), { stack })
}

const write =
  (level: keyof Log): Log[keyof Log] =>
  (given, message) => {
    const fields = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, carried(value)]),
    )
    say({ kind: 'log', level, fields, message })
  }

const log: Log = {
  debug: write('debug'),
  info: write('info'),
  warn: write('warn'),
  error: write('error'),
}

const closing = new AsyncDisposableStack()
const store = connectEventStore(eventStoreUrl)
closing.defer(store.close)
const { db, projectorPool } = openDatabase(databaseUrl, log, closing)
const secrets = { kek: new Map(kek.map(([kid, key]) => [kid, Buffer.from(key)])) }
const common = {
  store,
  pool: projectorPool,
  log,
  meter: {
    count: (name: string, by = 1) => say({ kind: 'count', name, value: by }),
    observe: (name: string, value: number) => say({ kind: 'observe', name, value }),
  },
  now: Date.now,
  monotonic: () => performance.now(),
  isBusy: () => isBusy(busy),
}

const audience = (of: Follower): Audience => ({
  reached: (position) => say({ kind: 'reached', of, position }),
  standing: (standing) => say({ kind: 'standing', of, standing }),
})

const mover = startMover(
  {
    ...common,
    vault: createVault({ db, secrets, random: randomBytes, now: Date.now }),
    projections: allProjections,
  },
  audience('models'),
)
closing.defer(mover.close)
const heartbeats = followHeartbeats({ ...common, days: heartbeatDays }, audience('heartbeats'))
closing.defer(heartbeats.close)

/** The read models that move together, then the history. */
const rebuildBoth: Mover['rebuild'] = async (names, options) => {
  const isHistory = (name: string) => name === history.name
  const models: RebuildOutcome = names?.every(isHistory)
    ? { kind: 'rebuilt', models: [] }
    : await mover.rebuild(
        names?.filter((name) => !isHistory(name)),
        options,
      )
  if (models.kind !== 'rebuilt' || names?.some(isHistory) === false) return models
  const more = await heartbeats.rebuild(undefined, options)
  return more.kind === 'rebuilt'
    ? { kind: 'rebuilt', models: [...models.models, ...more.models] }
    : more
}

const rebuilds = new Map<number, AbortController>()

const rebuild = async ({ id, names }: ToThread & { kind: 'rebuild' }): Promise<void> => {
  const breaking = new AbortController()
  rebuilds.set(id, breaking)
  try {
    const outcome = await rebuildBoth(names, {
      onProgress: (progress) => say({ kind: 'rebuilding', id, progress }),
      signal: breaking.signal,
    })
    say({ kind: 'rebuilt', id, outcome })
  } catch (error) {
    say({ kind: 'rebuild-failed', id, message: String((error as Error).message) })
  } finally {
    rebuilds.delete(id)
  }
}

parentPort?.on('message', async (message: ToThread) => {
  if (message.kind === 'rebuild') return rebuild(message)
  if (message.kind === 'break-off') return rebuilds.get(message.id)?.abort()
  await closing.disposeAsync()
  parentPort?.close()
})

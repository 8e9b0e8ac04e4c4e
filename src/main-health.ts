import type { Auth } from './auth/ports.ts'
import type { Check, HealthReport } from './http/ports.ts'
import type { Projector } from './projecting/projector.ts'

export type HealthSources = {
  readonly version: string
  readonly auth: Pick<Auth, 'health' | 'lease'>
  readonly projectors: readonly Pick<Projector, 'health'>[]
  /** Answers when Postgres does. */
  readonly askPostgres: () => Promise<unknown>
  readonly postgresMsMax: number
  /** Answers when the object store does. */
  readonly askObjectStore: () => Promise<unknown>
  readonly objectStoreMsMax: number
  /** Set once everything runs, unset when the node begins to stop. */
  readonly serving: () => boolean
}

const bounded = async (work: Promise<unknown>, ms: number): Promise<Check> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Check>((resolve) => {
    timer = setTimeout(() => resolve({ status: 'failing', detail: `no answer in ${ms} ms` }), ms)
  })
  const answered = work.then(
    (): Check => ({ status: 'ok' }),
    (): Check => ({ status: 'failing', detail: 'cannot be reached' }),
  )
  const check = await Promise.race([answered, late])
  clearTimeout(timer)
  return check
}

/**
 * What `GET /health/ready` says (operating contract, "Health"). Not ready without the log or while this node cannot prove that it
 * follows it; Postgres, the object store and projections failing are shown, but take no ingest away.
 */
export const healthReport = async (sources: HealthSources): Promise<HealthReport> => {
  const { auth, projectors, version } = sources
  const seen = auth.health()
  const projecting = projectors.map(({ health }) => health())
  const failing = projecting.find(({ status }) => status === 'failing')
  // Following the log is the proof that the event store answers: appends and their way back.
  const eventStore: Check =
    seen.status === 'ok'
      ? { status: 'ok' }
      : { status: 'failing', detail: seen.detail ?? 'cannot be followed' }
  const [postgres, objectStore] = await Promise.all([
    bounded(sources.askPostgres(), sources.postgresMsMax),
    bounded(sources.askObjectStore(), sources.objectStoreMsMax),
  ])
  const checks = {
    event_store: eventStore,
    postgres,
    object_store: objectStore,
    projections: {
      status: failing?.status ?? 'ok',
      ...(failing?.detail !== undefined && { detail: failing.detail }),
      lag_ms: Math.round(Math.max(...projecting.map(({ lagMs }) => lagMs))),
    },
    auth: { status: seen.status, lag_ms: seen.lagMs, lease_ms: seen.leaseMs },
  } as const
  const ready = sources.serving() && seen.status === 'ok'
  return { status: ready ? 'ready' : 'not_ready', node: auth.lease.node(), version, checks }
}

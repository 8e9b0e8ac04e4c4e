import { randomBytes } from 'node:crypto'
import { newEventId } from '../../protocol/ids.ts'
import { openAuth } from '../../src/auth/open-auth.ts'
import type { HttpDeps } from '../../src/http/ports.ts'
import { type Patience, startHttp } from '../../src/http/start-http.ts'
import { openIngest } from '../../src/ingest/ingest.ts'
import { exclusivelyBy } from '../../src/recordings/exclusively.ts'
import { openRecordingBytes } from '../../src/recordings/open-bytes.ts'
import { startTarget } from '../object-store/s3-stage.ts'
import { bucketAt } from '../support/bucket.ts'
import { checkDescribed } from '../support/described.ts'
import { keepLog } from '../support/keep-log.ts'
import { openStage } from '../support/stage.ts'

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

export type Sent = {
  readonly body?: unknown
  /** Sent as it is. */
  readonly raw?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

const admin = 'an-admin-bearer-of-this-start'

/** `route` is method and path: `POST /v1/devices`. */
export const callAt =
  (url: string) =>
  async (key: string | null, route: string, sent: Sent = {}): Promise<Answer> => {
    const [method = 'GET', path = '/'] = route.split(' ')
    const content = sent.raw ?? (sent.body === undefined ? undefined : JSON.stringify(sent.body))
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(content !== undefined && { 'content-type': 'application/json' }),
        ...sent.headers,
      },
      ...(content !== undefined && { body: content }),
    })
    const text = await response.text()
    const { status, headers } = response
    checkDescribed({ method, path, status, headers, text })
    return {
      status: response.status,
      headers: response.headers,
      body: text.startsWith('{') ? JSON.parse(text) : { text },
    }
  }

const meter = { count: () => {}, observe: () => {} }

const openParts = async () => {
  const [stage, target] = await Promise.all([openStage(), startTarget()])
  const objects = await bucketAt(target)
  const { log, lines } = keepLog()
  const auth = await openAuth({
    ...stage,
    spareDb: stage.db,
    version: 'test',
    now: Date.now,
    monotonic: () => performance.now(),
    random: randomBytes,
    log,
    meter,
  })
  const ingest = openIngest({
    store: stage.store,
    lease: auth.lease,
    now: Date.now,
    monotonic: () => performance.now(),
    newId: () => newEventId(randomBytes),
    log,
    meter,
  })
  const bytes = openRecordingBytes({
    ledger: stage.ledger,
    objects,
    log,
    meter,
    now: Date.now,
    db: stage.db,
    exclusively: exclusivelyBy(stage.pool),
    incompleteDays: 7,
    chunkDays: 7,
  })
  return {
    target,
    objects,
    bytes,
    stage,
    log,
    lines,
    auth,
    ingest,
    projector: stage.projector(),
    heartbeats: stage.heartbeats(),
  }
}

const depsOf = ({
  objects,
  bytes,
  stage,
  log,
  auth,
  ingest,
  projector,
  heartbeats,
}: Awaited<ReturnType<typeof openParts>>): HttpDeps => ({
  auth,
  ledger: stage.ledger,
  vault: stage.vault,
  projector,
  heartbeats,
  reads: stage.reads,
  shared: stage.db,
  secrets: stage.secrets,
  ingest,
  now: Date.now,
  random: randomBytes,
  log,
  meter,
  admin,
  health: () => ({ status: 'ready', node: auth.lease.node(), version: 'test', checks: {} }),
  metrics: { text: async () => '# metrics\n', bearer: 'metrics-bearer' },
  objects,
  recordings: bytes,
  objectEventsToken: 'an-object-store-bearer',
  publicUrl: () => 'https://lapel.example',
  tokenGraceSeconds: 86_400,
  onlineWindowSeconds: 900,
  rates: { key: 0, device: 0, project: 0 },
  rebuild: projector.rebuild,
})

const listen = async (deps: HttpDeps, patience?: Patience) => {
  const http = await startHttp({ ...deps, host: '127.0.0.1', port: 0 }, patience)
  const url = `http://127.0.0.1:${http.port}`
  return { http, url, call: callAt(url) }
}

/** The management API on a real event store and a real Postgres, with the real view of credentials and read models. */
export const serve = async () => {
  const parts = await openParts()
  const deps = depsOf(parts)
  const { http, url, call } = await listen(deps)
  return {
    ...parts,
    deps,
    http,
    url,
    /** Another listener on the same parts, but for some of them. */
    beside: (given: Partial<HttpDeps>, patience?: Patience) =>
      listen({ ...deps, ...given }, patience),
    admin,
    call,
    keyFor: async (project: string, body: object = {}): Promise<string> => {
      const headers = { 'lapel-project': project }
      const made = await call(admin, 'POST /internal/api-keys', { body, headers })
      if (made.status !== 201) throw new Error(`no key: ${JSON.stringify(made.body)}`)
      return String(made.body['key'])
    },
    newProject: async (): Promise<{ live: string; test: string }> => {
      const { body } = await call(admin, 'POST /internal/projects', { body: { name: 'Acme' } })
      return { live: String(body['id_live']), test: String(body['id_test']) }
    },
    end: async () => {
      await http.close()
      await parts.bytes.close()
      await parts.auth.close()
      await parts.heartbeats.close()
      await parts.projector.close()
      parts.objects.close()
      await parts.target.end()
      await parts.stage.end()
    },
  }
}
export type Served = Awaited<ReturnType<typeof serve>>

let serial = 0

/** A customer with a key of their own, and what they do most. */
export const customerOf = async (served: Served, project?: string) => {
  const { call, keyFor, newProject } = served
  const key = await keyFor(project ?? (await newProject()).test)
  const register = async (body: object = {}): Promise<string> => {
    serial += 1
    const whole = { serial_number: `SN-${serial}`, model: 'bota_pin', ...body }
    const answer = await call(key, 'POST /v1/devices', { body: whole })
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
    return String(answer.body['id'])
  }
  const person = async (body: object = { name: 'Ada' }): Promise<string> =>
    String((await call(key, 'POST /v1/end-users', { body })).body['id'])
  return {
    key,
    register,
    person,
    ask: (route: string, sent?: Sent) => call(key, route, sent),
    bound: async () => {
      const [id, end_user_id] = [await register(), await person()]
      const answer = await call(key, `POST /v1/devices/${id}/bind`, { body: { end_user_id } })
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
      return { id, person: end_user_id, token: String(answer.body['device_token']) }
    },
  }
}

export const errorOf = ({ body }: Answer) =>
  (body['error'] ?? {}) as {
    code?: string
    param?: string
    details?: { field: string; reason: string }[]
    request_id?: string
  }
export const codeOf = (answer: Answer) => errorOf(answer).code

import pg from 'pg'
import type { HttpMeasured, HttpOrder } from './support/http-load.ts'
import { startLapel } from './support/lapel.ts'
import { runProgram, startProgram } from './support/programs.ts'
import { median, quantile, table } from './support/statistics.ts'

// The management API beside a bare Koa + pg handler, in one run. Reads of the handler take the same columns of the same rows out of Postgres,
// and the same 50 events, which it keeps as rows; it checks no credential, keeps no log and waits for no fsync but Postgres' own.

const rounds = 3
const connections = 32
const writes = 600
const manyDevices = 1_000_000

const lapel = await startLapel()
const devices = await lapel.bindDevices(200)
const bare = await startProgram('bench/peers/bare-koa.ts', lapel.databaseUrl)
const ports = { 'bare Koa + pg': Number(bare.ready), lapel: lapel.httpPort }
type Peer = keyof typeof ports
const peers = Object.keys(ports) as Peer[]
const run = Date.now().toString(36)

const load = (peer: Peer, order: Pick<HttpOrder, 'paths' | 'bodies'>): Promise<HttpMeasured> => {
  const full: HttpOrder = {
    ...order,
    port: ports[peer],
    authorization: lapel.key,
    connections,
    warmupSeconds: 1,
    seconds: 3,
  }
  return runProgram<HttpMeasured>('bench/support/http-load.ts', JSON.stringify(full))
}

const rows: (string | number)[][] = [
  [`${connections} connections`, 'a second', 'ratio', 'p50 ms', 'p99 ms', 'failed'],
]

/** Both peers in turn; the medians of the rounds. Returns Lapel's rate. */
const compare = async (
  name: string,
  orderOf: (peer: Peer, round: number) => Pick<HttpOrder, 'paths' | 'bodies'>,
): Promise<number> => {
  const measured: Record<Peer, HttpMeasured[]> = { 'bare Koa + pg': [], lapel: [] }
  for (let round = 0; round < rounds; round += 1)
    for (const peer of peers) measured[peer].push(await load(peer, orderOf(peer, round)))
  const of = (peer: Peer, pick: (one: HttpMeasured) => number) => median(measured[peer].map(pick))
  const base = of('bare Koa + pg', ({ rate }) => rate)
  for (const peer of peers) {
    const rate = of(peer, (one) => one.rate)
    const figures = [of(peer, (one) => one.p50Ms), of(peer, (one) => one.p99Ms)]
    rows.push([`${name}: ${peer}`, rate, rate / base, ...figures, of(peer, (one) => one.failed)])
  }
  return of('lapel', ({ rate }) => rate)
}

/** A device with more than 50 events, and the same events as rows for the other. */
const tellStory = async (id: string): Promise<void> => {
  for (let i = 0; i < 55; i += 1) await lapel.call('PATCH', `/v1/devices/${id}`, { name: `n${i}` })
  const { body } = await lapel.call('GET', `/v1/devices/${id}/history?limit=100`)
  await fetch(`http://127.0.0.1:${bare.ready}/fill/${id}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
}

/** Registrations at a steady rate; what each took, with the wait for the own read model. */
const pacedWrites = async (perSecond: number, seconds: number): Promise<number[]> => {
  const took: number[] = []
  const pending: Promise<void>[] = []
  const started = performance.now()
  for (let i = 0; i < perSecond * seconds; i += 1) {
    const dueMs = started + (i * 1_000) / perSecond
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    const body = { serial_number: `${run}-paced-${i}`, model: 'bota_pin' }
    pending.push(
      lapel.call('POST', '/v1/devices', body).then(({ status }) => {
        took.push(status === 201 ? performance.now() - dueMs : Number.POSITIVE_INFINITY)
      }),
    )
  }
  await Promise.all(pending)
  return took
}

/** Rows like the first, older than all others, in its world. */
const generate = async (count: number): Promise<void> => {
  const client = new pg.Client({ connectionString: lapel.databaseUrl })
  await client.connect()
  try {
    const { rows: columns } = await client.query<{ name: string }>(
      `select attname as name from pg_attribute
       where attrelid = 'live.devices'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
    )
    const names = columns.map(({ name }) => name)
    const made: Readonly<Record<string, string>> = {
      id: `'dev_' || lpad(i::text, 22, '0')`,
      serial_number: `'G-' || i`,
      created_at: `to_char(timestamp '2020-01-01' + i * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.000"Z"')`,
    }
    await client.query(
      `insert into live.devices (${names.join(', ')}) select ${names.map((name) => made[name] ?? `d.${name}`).join(', ')}
       from (select * from live.devices limit 1) d, generate_series(1, $1::int) i`,
      [count],
    )
    await client.query('vacuum analyze live.devices')
  } finally {
    await client.end()
  }
}

try {
  const ids = devices.map(({ id }) => id)
  const person = String((await lapel.call('POST', '/v1/end-users', { name: 'Bench' })).body['id'])
  const storied = ids.slice(0, 8)
  await Promise.all(storied.map(tellStory))

  const gets = { paths: ids.map((id) => `/v1/devices/${id}`) }
  const lists = { paths: ['/v1/devices?limit=25'] }
  const get = await compare('get', () => gets)
  const list = await compare('list of 25', () => lists)
  await compare('history of 50', () => ({
    paths: storied.map((id) => `/v1/devices/${id}/history?limit=50`),
  }))
  await compare('create', (peer, round) => ({
    paths: ['/v1/devices'],
    bodies: Array.from({ length: writes }, (_, i) => ({
      serial_number: `${run}-${peer}-${round}-${i}`,
      model: 'bota_pin',
    })),
  }))
  // Bound and unbound in turn: each device is in one request of a round.
  const turn = (verb: string) => ({
    paths: ids.map((id) => `/v1/devices/${id}/${verb}`),
    bodies: ids.map(() => (verb === 'bind' ? { end_user_id: person } : {})),
  })
  const both = { unbind: [] as HttpMeasured[], bind: [] as HttpMeasured[] }
  for (let round = 0; round < rounds; round += 1)
    for (const verb of ['unbind', 'bind'] as const) both[verb].push(await load('lapel', turn(verb)))
  for (const verb of ['bind', 'unbind'] as const) {
    const base = await load('bare Koa + pg', turn(verb))
    const rate = median(both[verb].map((one) => one.rate))
    const of = (pick: (one: HttpMeasured) => number) => median(both[verb].map(pick))
    rows.push([`${verb}: bare Koa + pg`, base.rate, 1, base.p50Ms, base.p99Ms, base.failed])
    const figures = [of((one) => one.p50Ms), of((one) => one.p99Ms), of((one) => one.failed)]
    rows.push([`${verb}: lapel`, rate, rate / base.rate, ...figures])
  }
  console.log(table(rows))

  const took = await pacedWrites(200, 5)
  console.log(
    `\ncreate at 200/s, with the wait for the own read model: p50 ${quantile(took, 0.5).toFixed(1)} ms, p99 ${quantile(took, 0.99).toFixed(1)} ms`,
  )
  await generate(manyDevices)
  const [many, manyListed] = [await load('lapel', gets), await load('lapel', lists)]
  console.log(
    `with ${manyDevices.toLocaleString('en')} devices: get ${(many.rate / get).toFixed(2)} of the rate before, list ${(manyListed.rate / list).toFixed(2)}`,
  )
} finally {
  await bare.stop()
  await lapel.stop()
}

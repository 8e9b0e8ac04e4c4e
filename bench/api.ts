import pg from 'pg'
import type { HttpMeasured, HttpOrder } from './support/http-load.ts'
import { startLapel } from './support/lapel.ts'
import { runProgram, startProgram } from './support/programs.ts'
import { measureRebuild } from './support/rebuild.ts'
import { median, quantile, shown, table } from './support/statistics.ts'

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

/** Both peers in turn; the medians of the rounds. */
const compare = async (
  name: string,
  orderOf: (peer: Peer, round: number) => Pick<HttpOrder, 'paths' | 'bodies'>,
): Promise<void> => {
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

/** Lapel alone, one kind of request after the other. */
const inTurn = async (
  orders: Readonly<Record<string, Pick<HttpOrder, 'paths'>>>,
): Promise<Readonly<Record<string, HttpMeasured>>> => {
  const measured: Record<string, HttpMeasured> = {}
  for (const [name, order] of Object.entries(orders)) measured[name] = await load('lapel', order)
  return measured
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

/** Rows of a table like its first one, in its world, but for the columns that are made. */
const multiply = async (
  client: pg.Client,
  table: string,
  made: Readonly<Record<string, string>>,
): Promise<void> => {
  const { rows: columns } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = 'live.${table}'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
  )
  const names = columns.map(({ name }) => name)
  await client.query(
    `insert into live.${table} (${names.join(', ')}) select ${names.map((name) => made[name] ?? `d.${name}`).join(', ')}
     from (select * from live.${table} limit 1) d, generate_series(1, $1::int) i`,
    [manyDevices],
  )
  await client.query(`vacuum analyze live.${table}`)
}

/** Devices older than all others; a tenth of them is online. */
const generate = async (): Promise<void> => {
  const client = new pg.Client({ connectionString: lapel.databaseUrl })
  await client.connect()
  const id = `'dev_' || lpad(i::text, 22, '0')`
  try {
    await multiply(client, 'devices', {
      id,
      serial_number: `'G-' || i`,
      created_at: `to_char(timestamp '2020-01-01' + i * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.000"Z"')`,
    })
    await multiply(client, 'device_health', {
      device_id: id,
      battery_percent: 'i % 101',
      session_id: `case when i % 10 = 0 then 'session-' || i end`,
    })
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
  await compare('get', () => gets)
  await compare('list of 25', () => lists)
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
  const rates = await measureRebuild(lapel, { devices: 10_000, commits: 400 })
  console.log(
    `rebuild: ${shown(rates.lifecycle)} lifecycle events/s, ${shown(rates.observations)} observations/s`,
  )

  const online = { paths: ['/v1/devices?limit=25&online=true'] }
  const stats = { paths: ['/v1/devices/stats'] }
  const few = await inTurn({ get: gets, list: lists, 'online=true': online, stats })
  await generate()
  const many = await inTurn({ get: gets, list: lists, 'online=true': online, stats })
  console.log(`\nwith ${manyDevices.toLocaleString('en')} devices more:`)
  console.log(
    table([
      ['', 'a second before', 'a second', 'of the rate before', 'p99 ms'],
      ...Object.entries(many).map(([name, { rate, p99Ms }]) => [
        name,
        few[name]?.rate ?? 0,
        rate,
        rate / (few[name]?.rate ?? 0),
        p99Ms,
      ]),
    ]),
  )
} finally {
  await bare.stop()
  await lapel.stop()
}

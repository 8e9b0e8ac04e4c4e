import pg from 'pg'
import type { HttpMeasured, HttpOrder } from './support/http-load.ts'
import { startLapel } from './support/lapel.ts'
import { pacedWrites } from './support/paced-writes.ts'
import { cpuSeconds, treeCpuSeconds } from './support/process-tree.ts'
import { runProgram, startProgram } from './support/programs.ts'
import { measureRebuild } from './support/rebuild.ts'
import { median, quantile, shown, table } from './support/statistics.ts'

// The management API beside a bare Koa + pg handler, in one run. Reads of the handler take the same columns of the same rows out of Postgres,
// and the same 50 events, which it keeps as rows; it checks no credential, keeps no log and waits for no fsync but Postgres' own.

const rounds = 2
const connections = 32
const writes = 200
const manyDevices = 1_000_000
const minutesMax = 9

const lapel = await startLapel()
const devices = await lapel.bindDevices(200)
const bare = await startProgram('bench/peers/bare-koa.ts', lapel.databaseUrl)
const ports = { 'bare Koa + pg': Number(bare.ready), lapel: lapel.httpPort }
type Peer = keyof typeof ports
const peers = Object.keys(ports) as Peer[]
const run = Date.now().toString(36)

/** Of all processes that answer: the rate tells of the machine too, and who else uses it. */
type Measured = HttpMeasured & { readonly cpuUs: number }

const load = async (peer: Peer, order: Pick<HttpOrder, 'paths' | 'bodies'>): Promise<Measured> => {
  const full: HttpOrder = {
    ...order,
    port: ports[peer],
    authorization: lapel.key,
    connections,
    warmupSeconds: 0.3,
    seconds: 1.5,
  }
  const cpu = () => treeCpuSeconds(lapel.pid) + cpuSeconds(bare.pid)
  const before = cpu()
  const measured = await runProgram<HttpMeasured>(
    'bench/support/http-load.ts',
    JSON.stringify(full),
  )
  return { ...measured, cpuUs: ((cpu() - before) * 1e6) / measured.answered }
}

const rows: (string | number)[][] = [
  [`${connections} connections`, 'a second', 'ratio', 'p50 ms', 'p99 ms', 'CPU us', 'failed'],
]

const rowOf = (name: string, measured: readonly Measured[], base: number) => {
  const of = (pick: (one: Measured) => number) => median(measured.map(pick))
  const rate = of((one) => one.rate)
  const figures = [of((one) => one.p50Ms), of((one) => one.p99Ms), of((one) => one.cpuUs)]
  return [name, rate, rate / base, ...figures, of((one) => one.failed)]
}
const rateOf = (measured: readonly Measured[]) => median(measured.map(({ rate }) => rate))

/** Both peers in turn; the medians of the rounds. */
const compare = async (
  name: string,
  orderOf: (peer: Peer, round: number) => Pick<HttpOrder, 'paths' | 'bodies'>,
): Promise<void> => {
  const measured: Record<Peer, Measured[]> = { 'bare Koa + pg': [], lapel: [] }
  for (let round = 0; round < rounds; round += 1)
    for (const peer of peers) measured[peer].push(await load(peer, orderOf(peer, round)))
  const base = rateOf(measured['bare Koa + pg'])
  for (const peer of peers) rows.push(rowOf(`${name}: ${peer}`, measured[peer], base))
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
): Promise<Readonly<Record<string, Measured>>> => {
  const measured: Record<string, Measured> = {}
  for (const [name, order] of Object.entries(orders)) measured[name] = await load('lapel', order)
  return measured
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

// What hangs ends here, and takes the node with it.
const overdue = setTimeout(() => {
  console.error(`not done within ${minutesMax} minutes`)
  void Promise.all([bare.stop(), lapel.stop()]).then(() => process.exit(1))
}, minutesMax * 60_000)

try {
  const ids = devices.map(({ id }) => id)
  const person = String((await lapel.call('POST', '/v1/end-users', { name: 'Bench' })).body['id'])
  const storied = ids.slice(0, 4)
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
  const some = ids.slice(0, writes / rounds)
  const turn = (verb: string) => ({
    paths: some.map((id) => `/v1/devices/${id}/${verb}`),
    bodies: some.map(() => (verb === 'bind' ? { end_user_id: person } : {})),
  })
  const both = { unbind: [] as Measured[], bind: [] as Measured[] }
  for (let round = 0; round < rounds; round += 1)
    for (const verb of ['unbind', 'bind'] as const) both[verb].push(await load('lapel', turn(verb)))
  for (const verb of ['bind', 'unbind'] as const) {
    const base = await load('bare Koa + pg', turn(verb))
    rows.push(rowOf(`${verb}: bare Koa + pg`, [base], base.rate))
    rows.push(rowOf(`${verb}: lapel`, both[verb], base.rate))
  }
  console.log(table(rows))

  const pace = { perSecond: 200, seconds: 6, rounds: 5 }
  const cpuBefore = treeCpuSeconds(lapel.pid)
  const paced = await pacedWrites(lapel, pace, { bound: ids, person })
  const took = paced.flat()
  const cpuMs = ((treeCpuSeconds(lapel.pid) - cpuBefore) * 1_000) / took.length
  const [p50, p99] = [0.5, 0.99].map((q) => paced.map((round) => quantile([...round], q)))
  const ms = (rounds: readonly number[] = []) =>
    `${median(rounds).toFixed(1)} ms (${rounds.map((one) => one.toFixed(1)).join(', ')})`
  console.log(
    `\ncreate, unbind and bind at ${pace.perSecond}/s, with the wait for the own read model, medians of rounds: p50 ${ms(p50)}, p99 ${ms(p99)}, ${cpuMs.toFixed(1)} ms CPU each, ${took.filter((ms) => ms === Number.POSITIVE_INFINITY).length} of ${took.length} failed`,
  )
  const rates = await measureRebuild(lapel, { devices: 10_000, commits: 600 })
  console.log(
    `rebuild: ${shown(rates.lifecycle)} lifecycle events/s, ${shown(rates.observations)} observations/s`,
  )

  const online = { paths: ['/v1/devices?limit=25&online=true'] }
  const stats = { paths: ['/v1/devices/stats'] }
  // It asks no table: how it changes is how the machine does.
  const live = { paths: ['/health/live'] }
  const known = { live, get: gets, list: lists, 'online=true': online, stats }
  const count = async () =>
    Number((await lapel.call('GET', stats.paths[0] ?? '')).body['device_count'])
  const before = await count()
  const few = await inTurn(known)
  await generate()
  const many = await inTurn(known)
  console.log(`\nwith ${shown(before)} devices, and with ${shown(manyDevices)} more:`)
  console.log(
    table([
      ['', 'a second', 'with more', 'ratio', 'CPU us', 'with more', 'ratio', 'p99 ms'],
      ...Object.entries(known).map(([name]) => {
        const [a, b] = [few[name], many[name]]
        const [rate = 0, rateWith = 0] = [a?.rate, b?.rate]
        const [cpu = 0, cpuWith = 0] = [a?.cpuUs, b?.cpuUs]
        return [name, rate, rateWith, rateWith / rate, cpu, cpuWith, cpuWith / cpu, b?.p99Ms ?? 0]
      }),
    ]),
  )
} finally {
  clearTimeout(overdue)
  await bare.stop()
  await lapel.stop()
}

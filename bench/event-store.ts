import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { StoreMeasured, StoreOrder, StoreWork } from './support/event-store-load.ts'
import { type Program, runProgram, startProgram } from './support/programs.ts'
import { median, table } from './support/statistics.ts'

// `npm run bench -- event-store [--events N] [--seconds S]`: the embedded event store through the real client in a process of its own, and
// beside it the one that EVENTSTORE_URL names. `--events` is how many the log is filled with at most for rates, size, RSS and start-up.

type Subject = { readonly name: string; readonly url: string; readonly pid: number | undefined }

const main = 'src/embedded/event-store/main.ts'
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    events: { type: 'string', default: '10000000' },
    seconds: { type: 'string', default: '3' },
  },
})
const seconds = Number(values.seconds)
const logEvents = Number(values.events)

/**
 * What is measured, and the events/s that a single node of EventStoreDB 24.2.0 did through the same client on another machine, whose
 * client needed `recordedClientUs` an append at 256 in flight: a measure of that machine.
 */
type Case = { readonly label: string; readonly work: StoreWork; readonly recorded?: number }

const recordedClientUs = 59
const append = (batch: number, inFlight: number, recorded: number): Case => ({
  label: `append ${batch === 1 ? '1 event' : `${batch} events`}, ${inFlight} in flight`,
  work: { what: 'append', inFlight, batch },
  recorded,
})
const widest = append(1, 256, 11_333)
const cases: readonly Case[] = [
  append(1, 1, 877),
  append(1, 8, 3_517),
  append(1, 64, 7_401),
  widest,
  append(100, 1, 30_100),
  append(100, 8, 56_600),
  {
    label: 'append 256 KiB and read it live, 8 in flight',
    work: { what: 'octets', inFlight: 8, bytes: 262_144 },
  },
  {
    label: 'read a stream of 2,000',
    work: { what: 'read-stream', length: 2_000, inFlight: 1 },
    recorded: 46_000,
  },
  {
    label: 'read a stream of 20',
    work: { what: 'read-stream', length: 20, inFlight: 1 },
    recorded: 918 * 20,
  },
  {
    label: 'read a stream of 20, 16 in flight',
    work: { what: 'read-stream', length: 20, inFlight: 16 },
    recorded: 2_293 * 20,
  },
  { label: 'catch up with $all', work: { what: 'catch-up', filter: false }, recorded: 79_900 },
  {
    label: 'catch up with $all, filtered',
    work: { what: 'catch-up', filter: true },
    recorded: 83_200,
  },
  { label: 'append until a live subscriber has it', work: { what: 'live' } },
]

const say = (text: string): void => void process.stderr.write(`${text}\n`)

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU of another process so far, in ms; `undefined` where there is no /proc, or the process is not ours. */
const cpuOf = async (pid: number | undefined): Promise<number | undefined> => {
  if (pid === undefined) return undefined
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields && ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond
}

const memberOf = async (pid: number, member: string): Promise<number> => {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${member}:\\s+(\\d+)`).exec(text)?.[1]) / 1_024
}

const measure = async (subject: Subject, order: StoreWork) => {
  const before = await cpuOf(subject.pid)
  const full: StoreOrder = { ...order, url: subject.url, seconds }
  const measured = await runProgram<StoreMeasured>(
    'bench/support/event-store-load.ts',
    JSON.stringify(full),
  )
  const after = await cpuOf(subject.pid)
  const serverMs = before === undefined || after === undefined ? Number.NaN : after - before
  return { ...measured, serverMs }
}

const head = [
  '',
  'store',
  'calls/s',
  'events/s',
  'p50 ms',
  'p99 ms',
  'us/event client',
  'server',
  'server ms/MB',
  'real 24.2.0, scaled',
  'ratio',
]

type Measured = Awaited<ReturnType<typeof measure>>
type Row = { readonly of: Case; readonly subject: Subject; readonly m: Measured }

const clientUs = ({ m }: Row): number => (m.cpuMs * 1_000) / m.events

const cellsOf = (row: Row, scale: number): (string | number)[] => {
  const { of, subject, m } = row
  const rate = m.events / m.seconds
  const recorded = (of.recorded ?? Number.NaN) * scale
  return [
    of.label,
    subject.name,
    m.calls / m.seconds,
    rate,
    m.p50Ms,
    m.p99Ms,
    clientUs(row),
    (m.serverMs * 1_000) / m.events,
    m.bytes === 0 ? Number.NaN : m.serverMs / (m.bytes / 1_048_576),
    recorded,
    rate / recorded,
  ]
}

const measureAll = async (subjects: readonly Subject[]) => {
  const rows: Row[] = []
  for (const of of cases)
    for (const subject of subjects) {
      say(`${of.label}: ${subject.name}`)
      rows.push({ of, subject, m: await measure(subject, of.work) })
    }
  const yardstick = rows.find((row) => row.of === widest)
  const scale = yardstick ? recordedClientUs / clientUs(yardstick) : Number.NaN
  console.log(table([head, ...rows.map((row) => cellsOf(row, scale))]))
  console.log(`scale: ${scale.toFixed(2)} (client CPU an append at 256 in flight, there and here)`)
}

const startStore = (folder: string): Promise<Program> => startProgram(main, '--data', folder)

const subjectOf = ({ ready, pid }: Program): Subject => ({ name: 'embedded', url: ready, pid })

const appendRate = async (store: Program): Promise<number> => {
  const work = { what: 'append', inFlight: 64, batch: 1 } as const
  const { events, seconds } = await measure(subjectOf(store), work)
  return events / seconds
}

const fill = (folder: string, from: number, to: number) =>
  runProgram('bench/support/event-store-fill.ts', folder, String(from), String(to))

const rateRounds = 3

/** A store that is started on a log of so many events, and used, by turns with the one on a small log. */
const measureLog = async (
  small: Program,
  folder: string,
  [from, to]: readonly [number, number],
) => {
  say(`a log of ${to.toLocaleString('en')} events`)
  const filling = performance.now()
  await fill(folder, from, to)
  const filled = (to - from) / ((performance.now() - filling) / 1_000)
  const started = performance.now()
  const store = await startStore(folder)
  const startMs = performance.now() - started
  const rates: { readonly here: number; readonly there: number }[] = []
  for (let round = 0; round < rateRounds; round += 1)
    rates.push({ here: await appendRate(store), there: await appendRate(small) })
  await measure(subjectOf(store), { what: 'live' })
  const rssMiB = await memberOf(store.pid, 'VmRSS')
  await store.stop()
  const sizeMiB = (await stat(join(folder, 'events.db'))).size / 1_048_576
  const rate = median(rates.map(({ here }) => here))
  const ratio = rate / median(rates.map(({ there }) => there))
  return [to.toLocaleString('en'), filled, startMs, sizeMiB, rssMiB, rate, ratio]
}

const smallLogEvents = 100_000

const measureLogs = async (folder: string) => {
  const [smallFolder, logFolder] = [join(folder, 'small'), join(folder, 'log')]
  await fill(smallFolder, 0, smallLogEvents)
  const small = await startStore(smallFolder)
  const sizes = [smallLogEvents, 1_000_000, 10_000_000].filter((size) => size < logEvents)
  const head = ['events in the log', 'filled/s', 'start-up ms', 'size MiB', 'RSS MiB']
  const rows: (string | number)[][] = [[...head, 'appends/s at 64', 'of a log of 100,000']]
  let from = 0
  for (const to of [...sizes, logEvents]) {
    rows.push(await measureLog(small, logFolder, [from, to]))
    from = to
  }
  await small.stop()
  console.log(`\n${table(rows)}`)
}

const folder = await mkdtemp(join(tmpdir(), 'lapel-bench-'))
try {
  const embedded = await startStore(join(folder, 'cases'))
  const real = process.env['EVENTSTORE_URL']
  const subjects = [
    subjectOf(embedded),
    ...(real ? [{ name: 'real', url: real, pid: undefined }] : []),
  ]
  await measureAll(subjects)
  await embedded.stop()
  await measureLogs(folder)
} finally {
  await rm(folder, { recursive: true, force: true })
}

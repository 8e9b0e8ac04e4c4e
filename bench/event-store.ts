import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoreMeasured, StoreOrder, StoreWork } from './support/event-store-load.ts'
import { type Program, runProgram, startProgram } from './support/programs.ts'
import { table } from './support/statistics.ts'

// `npm run bench -- event-store [--events N]`: the embedded event store through the real client in a process of its own, and
// beside it the one that EVENTSTORE_URL names. `--events` is how many the log is filled with for size, RSS and start-up.

type Subject = { readonly name: string; readonly url: string; readonly pid: number | undefined }

const seconds = 3
const main = 'src/embedded/event-store/main.ts'
const argument = process.argv.indexOf('--events')
const logEvents = argument < 0 ? 1_000_000 : Number(process.argv[argument + 1])

type Case = readonly [string, StoreWork]

const cases: readonly Case[] = [
  ...[1, 8, 64, 256].map(
    (inFlight): Case => [
      `append 1 event, ${inFlight} in flight`,
      { what: 'append', inFlight, batch: 1 },
    ],
  ),
  ...[1, 8].map(
    (inFlight): Case => [
      `append 100 events, ${inFlight} in flight`,
      { what: 'append', inFlight, batch: 100 },
    ],
  ),
  ['append 256 KiB and read it live, 8 in flight', { what: 'octets', inFlight: 8, bytes: 262_144 }],
  ['read a stream of 2,000', { what: 'read-stream', length: 2_000, inFlight: 1 }],
  ['read a stream of 20, 16 in flight', { what: 'read-stream', length: 20, inFlight: 16 }],
  ['catch up with $all', { what: 'catch-up', filter: false }],
  ['catch up with $all, filtered', { what: 'catch-up', filter: true }],
  ['append until a live subscriber has it', { what: 'live' }],
]

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
]

const measureAll = async (subjects: readonly Subject[]) => {
  const rows: (string | number)[][] = [head]
  for (const [label, order] of cases)
    for (const subject of subjects) {
      const m = await measure(subject, order)
      rows.push([
        label,
        subject.name,
        m.calls / m.seconds,
        m.events / m.seconds,
        m.p50Ms,
        m.p99Ms,
        (m.cpuMs * 1_000) / m.events,
        (m.serverMs * 1_000) / m.events,
        m.bytes === 0 ? Number.NaN : m.serverMs / (m.bytes / 1_048_576),
      ])
    }
  console.log(table(rows))
}

const startStore = (folder: string): Promise<Program> => startProgram(main, '--data', folder)

const subjectOf = ({ ready, pid }: Program): Subject => ({ name: 'embedded', url: ready, pid })

/** Appends at 64 in flight with this many events in the log already. */
const rateAt = async (program: Program) => {
  const { events, seconds: took } = await measure(subjectOf(program), {
    what: 'append',
    inFlight: 64,
    batch: 1,
  })
  return events / took
}

const fillTo = (program: Program, events: number) =>
  measure(subjectOf(program), { what: 'fill', inFlight: 8, batch: 500, events })

const measureLog = async (folder: string) => {
  const early = Math.min(100_000, logEvents)
  const first = await startStore(folder)
  await fillTo(first, early)
  const earlyRate = await rateAt(first)
  const filled = logEvents > early ? await fillTo(first, logEvents - early) : undefined
  const lateRate = await rateAt(first)
  const fullMiB = await memberOf(first.pid, 'VmRSS')
  await first.stop()
  const started = performance.now()
  const second = await startStore(folder)
  const startMs = performance.now() - started
  await measure(subjectOf(second), { what: 'live' })
  const rows: (string | number)[][] = [
    [`a log of ${logEvents.toLocaleString('en')} events`, 'measured'],
    ['filled at events/s (batches of 500)', filled ? filled.events / filled.seconds : Number.NaN],
    ['size in MiB', (await stat(join(folder, 'events.db'))).size / 1_048_576],
    ['RSS in MiB after filling', fullMiB],
    ['start-up in ms, until it serves', startMs],
    ['RSS in MiB after the start and use', await memberOf(second.pid, 'VmRSS')],
    ['appends/s at 64 in flight, 100 k events in the log', earlyRate],
    ['appends/s at 64 in flight, all in the log', lateRate],
    ['ratio', lateRate / earlyRate],
  ]
  await second.stop()
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
  await measureLog(join(folder, 'log'))
} finally {
  await rm(folder, { recursive: true, force: true })
}

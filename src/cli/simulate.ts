import { type Command, InvalidArgumentError } from 'commander'
import {
  simulatedDevicesMax,
  simulatedRateMax,
  simulatedSecondsMax,
} from '../../protocol/limits.ts'
import { CommandFailed, findTarget, Misuse, type Target } from './api.ts'
import {
  apiOptions,
  type Context,
  outputOf,
  type Shared,
  speaking,
  wholeNumber,
} from './context.ts'
import { createKey } from './keys.ts'
import { show } from './output.ts'
import { barOf, createProgress } from './progress.ts'
import { type Counts, noCounts, SimulatedDevice } from './simulate/device.ts'
import { makeFleet } from './simulate/fleet.ts'
import { type RecordedSummary, startRecorders } from './simulate/recordings.ts'
import { type Simulated, simulate } from './simulate/run.ts'

type Options = Shared & {
  readonly devices: number
  readonly rate: number
  readonly seconds: number
  readonly mqtt?: string
  readonly recordings?: boolean
}

const argument = (min: number, max: number) => (text: string) => {
  const value = wholeNumber(min, max, text)
  if (value === undefined)
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`)
  return value
}

const ticked = (counts: Counts, seconds: number): string => {
  const ms = (q: number) => counts.pubackMs.quantile(q).toFixed(1)
  const rate = Math.round(counts.acked / seconds)
  return `${seconds.toFixed(0)} s  ${counts.connected} connected  ${counts.acked} acknowledged (${rate}/s)  PUBACK p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms`
}

/** A local node gives a key of its own for it; elsewhere it is the caller's. */
const withKey = async (target: Target): Promise<Target> => {
  if (!target.admin) return target
  const { key } = await createKey(target, { mode: 'test', name: 'lapel simulate' })
  return { ...target, bearer: String(key), admin: false }
}

const summary = (done: Simulated): readonly string[] => [
  `${done.devices} devices, ${done.acked} of ${done.sent} messages acknowledged in ${done.seconds} s (${done.rate}/s), ${done.errors} errors`,
  `PUBACK           p50 ${done.puback_ms.p50} ms, p99 ${done.puback_ms.p99} ms (stored and synced when it comes)`,
  `write to read    p50 ${done.lag_ms.p50} ms, p99 ${done.lag_ms.p99} ms (until GET shows it)`,
]

const recordedTable = (done: RecordedSummary): readonly string[] => {
  const rows = [
    ['announced', done.announced, 'chunks, each with its hash'],
    ['stored', done.stored, 'chunks put where their grants said'],
    ['verified', done.verified, 'chunks that the device was told to be stored, and freed'],
    ['stitched', done.stitched, `of ${done.recordings} recordings made one object`],
    ['mismatches', done.mismatches, 'of those, downloaded and compared byte for byte'],
  ] as const
  const troubles = `${done.disconnects} broken lines, ${done.power_cuts} power cuts, ${done.repeated_announcements} repeated announcements`
  return [
    '',
    ...rows.map(([name, count, what]) => `${name.padEnd(12)}${String(count).padStart(8)}  ${what}`),
    `${troubles}, ${done.bytes} bytes`,
  ]
}

/** Until all that was recorded is stored, downloaded and compared. */
const finishRecordings = (
  target: Target,
  recorders: ReturnType<typeof startRecorders>,
  { say }: ReturnType<typeof createProgress>,
  stopped: () => boolean,
): Promise<RecordedSummary> => {
  const bar = (what: string) => (count: number, all: number, seconds: number) =>
    say(`${barOf(count, all, seconds)}  ${count} of ${all} recordings ${what}`)
  const steps = { stopped, onSettled: bar('stored'), onChecked: bar('compared') }
  return recorders.end(target, steps)
}

const run = async (context: Context, options: Options): Promise<void> => {
  const found = await findTarget(apiOptions(context, options))
  const mqtt = options.mqtt ?? found.mqtt
  if (mqtt === undefined) throw new Misuse('--url needs --mqtt host:port, too')
  const target = await withKey(found)
  const output = outputOf(context, options)
  const progress = createProgress(output.json)
  const fleet = await makeFleet(target, options.devices, (made) =>
    progress.say(`${made} of ${options.devices} devices registered and bound`),
  )
  let isStopped = false
  const stopped = () => isStopped
  process.once('SIGINT', () => {
    isStopped = true
  })
  const counts = noCounts()
  const devices = fleet.map((one) => new SimulatedDevice(mqtt, one, counts))
  const recorders = options.recordings ? startRecorders(devices) : undefined
  const { rate, seconds } = options
  const onTick = (now: Counts, at: number) => progress.say(ticked(now, at))
  const done = await simulate(target, { devices, counts, rate, seconds, onTick, stopped })
  const recorded = recorders && (await finishRecordings(target, recorders, progress, stopped))
  await Promise.all(devices.map((device) => device.end().catch(() => {})))
  progress.end()
  show(output, recorded ? { ...done, recordings: recorded } : done, () => [
    ...summary(done),
    ...(recorded ? recordedTable(recorded) : []),
  ])
  if (recorded && (recorded.mismatches > 0 || recorded.unfinished > 0))
    throw new CommandFailed(
      `${recorded.mismatches} recordings differ, ${recorded.unfinished} did not end`,
    )
}

export const addSimulate = (program: Command, context: Context): void => {
  speaking(
    program
      .command('simulate')
      .description('register, bind and stream as firmware would, and show what comes of it'),
  )
    .option('--devices <n>', 'how many', argument(1, simulatedDevicesMax), 20)
    .option(
      '--rate <n>',
      'heartbeats a second, over all devices',
      argument(1, simulatedRateMax),
      100,
    )
    .option('--seconds <n>', 'for how long', argument(1, simulatedSecondsMax), 10)
    .option('--mqtt <host:port>', 'the broker of a node elsewhere')
    .option(
      '--recordings',
      'each device records too: chunks, broken lines, power cuts; all is downloaded and compared',
    )
    .action((options: Options) => run(context, options))
}

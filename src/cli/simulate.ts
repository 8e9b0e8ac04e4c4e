import { type Command, InvalidArgumentError } from 'commander'
import {
  simulatedDevicesMax,
  simulatedRateMax,
  simulatedSecondsMax,
} from '../../protocol/limits.ts'
import { findTarget, Misuse, type Target } from './api.ts'
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
import { createProgress } from './progress.ts'
import type { Counts } from './simulate/device.ts'
import { makeFleet } from './simulate/fleet.ts'
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

const run = async (context: Context, options: Options): Promise<void> => {
  if (options.recordings)
    throw new Misuse('--recordings is not there yet: this version simulates heartbeats alone')
  const found = await findTarget(apiOptions(context, options))
  const mqtt = options.mqtt ?? found.mqtt
  if (mqtt === undefined) throw new Misuse('--url needs --mqtt host:port, too')
  const target = await withKey(found)
  const output = outputOf(context, options)
  const progress = createProgress(output.json)
  const fleet = await makeFleet(target, options.devices, (made) =>
    progress.say(`${made} of ${options.devices} devices registered and bound`),
  )
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })
  const done = await simulate(target, {
    mqtt,
    fleet,
    rate: options.rate,
    seconds: options.seconds,
    onTick: (counts, seconds) => progress.say(ticked(counts, seconds)),
    stopped: () => stopped,
  })
  progress.end()
  show(output, done, () => summary(done))
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
    .option('--recordings', 'with recordings: not there yet')
    .action((options: Options) => run(context, options))
}

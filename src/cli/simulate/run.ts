import { setTimeout as delay } from 'node:timers/promises'
import { simulatedConnectMsMax, simulatedDrainMsMax } from '../../../protocol/limits.ts'
import { request, type Target } from '../api.ts'
import type { Counts, SimulatedDevice } from './device.ts'
import { Histogram } from './histogram.ts'

export type Plan = {
  readonly devices: readonly SimulatedDevice[]
  /** Theirs. */
  readonly counts: Counts
  /** Heartbeats a second, over all devices. */
  readonly rate: number
  readonly seconds: number
  readonly onTick: (counts: Counts, seconds: number) => void
  readonly stopped: () => boolean
}

export type Simulated = {
  readonly devices: number
  readonly sent: number
  readonly acked: number
  readonly errors: number
  readonly seconds: number
  readonly rate: number
  readonly puback_ms: { readonly p50: number; readonly p99: number }
  readonly lag_ms: { readonly p50: number; readonly p99: number }
}

const tickMs = 20
const probeMs = 250

export const until = async (isThere: () => boolean, msMax: number): Promise<void> => {
  for (const deadline = performance.now() + msMax; !isThere() && performance.now() < deadline; )
    await delay(tickMs)
}

/** From an acknowledgement that a backend gets until the read model stands there: a write, then reads that ask for its position. */
const probeLag = async (target: Target, device: string, lag: Histogram, stopped: () => boolean) => {
  while (!stopped()) {
    const path = `/v1/devices/${device}`
    const beat = await request(target, {
      method: 'POST',
      path: `${path}/heartbeat`,
      body: {},
    }).catch(() => undefined)
    const from = performance.now()
    if (beat?.status === 200 && beat.position !== undefined) {
      const headers = { 'min-position': beat.position }
      const read = await request(target, { method: 'GET', path, headers }).catch(() => undefined)
      if (read?.status === 200) lag.add(performance.now() - from)
    }
    await delay(probeMs)
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10

/** The heartbeats of a fleet at a steady rate, for a while. */
export const simulate = async (target: Target, plan: Plan): Promise<Simulated> => {
  const { devices, counts } = plan
  const lag = new Histogram()
  await until(() => plan.stopped() || devices.every(({ ready }) => ready), simulatedConnectMsMax)
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1_000
  const over = () => plan.stopped() || elapsed() >= plan.seconds
  const [first] = devices
  const probing = first ? probeLag(target, first.id, lag, over) : undefined
  for (let sent = 0, shown = 0; !over(); await delay(tickMs)) {
    for (const due = Math.floor(elapsed() * plan.rate); sent < due; sent += 1)
      devices[sent % devices.length]?.beat()
    if (elapsed() - shown >= 1) {
      shown = elapsed()
      plan.onTick(counts, shown)
    }
  }
  const seconds = elapsed()
  const acked = counts.acked
  await until(() => counts.acked + counts.dropped >= counts.sent, simulatedDrainMsMax)
  await probing
  const quantiles = (of: Histogram) => ({
    p50: rounded(of.quantile(0.5)),
    p99: rounded(of.quantile(0.99)),
  })
  return {
    devices: devices.length,
    sent: counts.sent,
    acked: counts.acked,
    errors: counts.errors,
    seconds: rounded(seconds),
    rate: rounded(acked / seconds),
    puback_ms: quantiles(counts.pubackMs),
    lag_ms: quantiles(lag),
  }
}

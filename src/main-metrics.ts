import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Meter } from './store/meter.ts'

// Seconds for what ends in `_seconds`, entries for the rest.
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const countBuckets = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000]

export type Metrics = {
  readonly meter: Meter
  /** A value that is asked for whenever somebody reads the page. */
  readonly gauge: (name: string, read: () => number | Promise<number>) => void
  /** The page, in Prometheus text format 0.0.4. */
  readonly text: () => Promise<string>
}

/** A registry of its own for one node; every name gets the prefix `lapel_`. */
export const createMetrics = (): Metrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'lapel_' })
  const counters = new Map<string, Counter>()
  const histograms = new Map<string, Histogram>()

  const counter = (name: string): Counter => {
    const known = counters.get(name)
    if (known) return known
    const made = new Counter({
      name: `lapel_${name}`,
      help: name.replaceAll('_', ' '),
      registers: [registry],
    })
    counters.set(name, made)
    return made
  }

  const histogram = (name: string): Histogram => {
    const known = histograms.get(name)
    if (known) return known
    const buckets = name.endsWith('_seconds') ? secondsBuckets : countBuckets
    const help = name.replaceAll('_', ' ')
    const made = new Histogram({ name: `lapel_${name}`, help, buckets, registers: [registry] })
    histograms.set(name, made)
    return made
  }

  return {
    meter: {
      count: (name, by = 1) => counter(name).inc(by),
      observe: (name, value) => histogram(name).observe(value),
    },
    gauge: (name, read) => {
      new Gauge({
        name: `lapel_${name}`,
        help: name.replaceAll('_', ' '),
        registers: [registry],
        async collect() {
          this.set(await read())
        },
      })
    },
    text: () => registry.metrics(),
  }
}

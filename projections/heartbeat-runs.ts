import { heartbeatsPerRunMax } from '../protocol/limits.ts'
import type { HeartbeatNumbering, KeptNumbering } from './heartbeat-numbering.ts'

/** JSON of the members of a heartbeat. */
type Members = {
  readonly position: string
  readonly entry: number
  readonly rx: string
  readonly via: string
  readonly boot: string | undefined
  readonly seq: string | undefined
  readonly at: string | undefined
  readonly data: string
}

/** A heartbeat as it stands in a run: `[position, entry, rx, via, boot, seq, at, data]`. */
export const beatText = ({ position, entry, rx, via, boot, seq, at, data }: Members): string =>
  `["${position}",${entry},"${rx}","${via}",${boot ?? null},${seq ?? null},${at ?? null},${data}]`

/** What a person may have named the device stays out: history outlives who wrote it. */
export const withoutName = (data: string): string => {
  const { sealed: _, sealed_for: __, ...left } = JSON.parse(data)
  return JSON.stringify(left)
}

/** A heartbeat and its place in the log. */
export type Placed = {
  readonly device: string
  readonly project: string
  readonly position: string
  readonly entry: number
  /** When it was received, in milliseconds. */
  readonly ms: number
  /** As JSON. */
  readonly boot: string | undefined
  readonly seq: number | undefined
  /** As it stands in a run. */
  readonly text: string
}

/** What one device sent within one batch. */
export type Run = {
  readonly device: string
  readonly project: string
  /** The place of the first. */
  readonly position: string
  readonly entry: number
  receivedMs: number
  untilMs: number
  readonly beats: string[]
  numbering: KeptNumbering | null
}

const dayMs = 86_400_000

const isFull = ({ beats, receivedMs }: Run, ms: number): boolean =>
  beats.length >= heartbeatsPerRunMax || Math.floor(receivedMs / dayMs) !== Math.floor(ms / dayMs)

/** The runs of a batch, in the order of the log; what was met before is left out. */
export class Runs {
  readonly #numberingOf: (device: string) => HeartbeatNumbering
  readonly #met = new Map<string, HeartbeatNumbering>()
  readonly #open = new Map<string, Run>()
  readonly #all: Run[] = []

  constructor(numberingOf: (device: string) => HeartbeatNumbering) {
    this.#numberingOf = numberingOf
  }

  add(placed: Placed): void {
    const { device, boot, seq, ms } = placed
    const isNumbered = boot !== undefined && seq !== undefined
    if (isNumbered && this.#metOf(device).isRepeat(boot, seq, ms)) return
    const run = this.#runOf(placed)
    run.beats.push(placed.text)
    run.receivedMs = Math.min(run.receivedMs, ms)
    run.untilMs = Math.max(run.untilMs, ms)
  }

  #metOf(device: string): HeartbeatNumbering {
    const known = this.#met.get(device) ?? this.#numberingOf(device)
    this.#met.set(device, known)
    return known
  }

  #runOf({ device, project, position, entry, ms }: Placed): Run {
    const open = this.#open.get(device)
    if (open && !isFull(open, ms)) return open
    const times = { receivedMs: ms, untilMs: ms }
    const run: Run = { device, project, position, entry, ...times, beats: [], numbering: null }
    this.#open.set(device, run)
    this.#all.push(run)
    return run
  }

  /** The last run of each device says which numbers were met. */
  ended(): readonly Run[] {
    for (const [device, run] of this.#open) run.numbering = this.#met.get(device)?.value() ?? null
    return this.#all
  }
}

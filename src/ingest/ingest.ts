import type { BootWindow } from '../../protocol/boot-window.ts'
import type { DeviceId, NodeId } from '../../protocol/ids.ts'
import {
  appendMsMax,
  ingestDevicesMax,
  ingestEntriesMax,
  ingestEventBytesMax,
  ingestWaitingEntriesMax,
} from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import type { Boot } from '../../protocol/payloads.ts'
import { WindowTracker } from '../../protocol/window-tracker.ts'
import type { EventStore, Position } from '../store/event-store.ts'
import { Traffic } from '../store/gathering.ts'
import {
  CommitFailed,
  type Committed,
  createGroupCommit,
  type GroupCommit,
  type StreamFamily,
} from '../store/group-commit.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import { ingestStream, shardsCount } from '../store/streams.ts'
import {
  type EntryBytes,
  envelopeBytes,
  joined,
  lengthOf,
  type SerialisedEntry,
  serialised,
} from './serialised-entry.ts'

/** Whether this node may append and acknowledge, and in whose name. */
export type IngestLease = {
  readonly holds: () => boolean
  readonly node: () => NodeId
  readonly onIncarnation: (listener: (node: NodeId) => void) => void
}

export type IngestDeps = {
  readonly store: Pick<EventStore, 'append' | 'readPage'>
  readonly lease: IngestLease
  readonly now: () => number
  readonly monotonic: () => number
  readonly newId: () => string
  readonly log: Log
  readonly meter: Meter
}

export type Ingest = {
  /**
   * `done` is called when the entry is in the log, or why it is not known to be. A repeat of what is stored is done at once; one of
   * what is still pending when that is. The callbacks of one device come in the order of its calls, but for repeats.
   */
  readonly add: (entry: SerialisedEntry, done: Committed) => void
  /** The same for an entry that has yet to be serialised, as a promise. Rejects with `CommitFailed`. */
  readonly observe: (entry: Entry) => Promise<Position>
  /** What the read model knows of a device's numbering, unless this node knows more. */
  readonly remember: (device: DeviceId, window: BootWindow) => void
  readonly knows: (device: DeviceId) => boolean
  readonly pending: () => number
  /** Resolves when nothing is pending. */
  readonly idle: () => Promise<void>
}

/** A numbered entry on its way into the log, who waits for it, and who sent it again meanwhile. */
type Pending = {
  readonly boot: Boot
  readonly seq: number
  readonly done: Committed
  repeats: Committed[] | undefined
}

type Device = {
  readonly shard: number
  window: WindowTracker
  /** It spoke since it was last looked at whether it may be forgotten. */
  spoke: boolean
  /** In the order in which they came, which is nearly always that in which they go. */
  readonly pending: Pending[]
  /** All that wait are of one boot, each with a higher number than the one before. */
  isRising: boolean
  lastPosition: Position
}

// FNV-1a: any hash that spreads ids over the shards.
const shardOf = (device: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < device.length; i += 1)
    hash = Math.imul(hash ^ device.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % shardsCount
}

const familyOf = (node: NodeId, shard: number): StreamFamily<EntryBytes> => ({
  streamAt: (ms) => ingestStream(node, shard, ms),
  encode: joined,
  metadata: { v: 1, node },
})

const openShards = ({ store, lease, now, monotonic, newId, log, meter }: IngestDeps) => {
  const traffic = new Traffic()
  const shards: GroupCommit<EntryBytes>[] = Array.from({ length: shardsCount }, (_, shard) =>
    createGroupCommit<EntryBytes>({
      store,
      type: 'IngestCommitted',
      family: familyOf(lease.node(), shard),
      bytesOf: lengthOf,
      entriesMax: ingestEntriesMax,
      bytesMax: ingestEventBytesMax - envelopeBytes,
      waitingEntriesMax: ingestWaitingEntriesMax,
      appendMsMax,
      mayAppend: lease.holds,
      onCommit: (entries, ms) => {
        meter.observe('ingest_commit_entries', entries)
        meter.observe('ingest_commit_seconds', ms / 1_000)
      },
      traffic,
      now,
      monotonic,
      newId,
      log,
    }),
  )
  lease.onIncarnation((node) => {
    for (const [shard, commit] of shards.entries()) commit.reset(familyOf(node, shard))
  })
  return shards
}

const isBehind = (last: Pending | undefined, boot: Boot, seq: number): boolean =>
  last === undefined || (last.boot === boot && seq > last.seq)

/** Numbers rise nearly always: then none of those that wait is looked at but the last. */
const pendingOf = ({ pending, isRising }: Device, boot: Boot, seq: number): Pending | undefined =>
  isRising && isBehind(pending.at(-1), boot, seq)
    ? undefined
    : pending.find((one) => one.seq === seq && one.boot === boot)

const addPending = (device: Device, one: Pending): void => {
  const { pending } = device
  if (pending.length === 0) device.isRising = true
  device.isRising &&= isBehind(pending.at(-1), one.boot, one.seq)
  pending.push(one)
}

const removePending = ({ pending }: Device, one: Pending): void => {
  if (pending[0] === one) pending.shift()
  else pending.splice(pending.indexOf(one), 1)
}

/** The devices that spoke last; what is forgotten is met again by every reader. */
class Devices {
  readonly #devices = new Map<string, Device>()

  of(id: string): Device {
    const known = this.#devices.get(id)
    if (known) {
      known.spoke = true
      return known
    }
    const made = {
      shard: shardOf(id),
      window: new WindowTracker(),
      spoke: false,
      pending: [],
      isRising: true,
      lastPosition: 0n,
    }
    this.#devices.set(id, made)
    if (this.#devices.size > ingestDevicesMax) this.#forgetOne()
    return made
  }

  has(id: string): boolean {
    return this.#devices.has(id)
  }

  /** The clock algorithm: as good as least recently used, and nothing to do while a device speaks. */
  #forgetOne(): void {
    let looks = 2 * this.#devices.size
    for (const [id, device] of this.#devices) {
      this.#devices.delete(id)
      if (!device.spoke && device.pending.length === 0) return
      device.spoke = false
      this.#devices.set(id, device)
      looks -= 1
      if (looks === 0) return
    }
  }
}

export const openIngest = (deps: IngestDeps): Ingest => {
  const shards = openShards(deps)
  const devices = new Devices()

  /** Once, however often it is sent: the numbers of a heartbeat or boot name it. */
  const addNumbered = (
    device: Device,
    { boot, seq, bytes }: { boot: Boot; seq: number; bytes: EntryBytes },
    done: Committed,
  ): void => {
    const waiting = pendingOf(device, boot, seq)
    if (waiting) {
      waiting.repeats ??= []
      waiting.repeats.push(done)
      return
    }
    if (device.window.verdict(boot, seq) === 'repeat') {
      deps.meter.count('ingest_repeats_total')
      done(undefined, device.lastPosition)
      return
    }
    const one: Pending = { boot, seq, done, repeats: undefined }
    addPending(device, one)
    shards[device.shard]?.add(bytes, (error, position) => {
      removePending(device, one)
      if (error === undefined) device.window.meet(boot, seq)
      if (position !== undefined) device.lastPosition = position
      one.done(error, position)
      for (const repeat of one.repeats ?? []) repeat(error, position)
    })
  }

  const add = ({ d, boot, seq, bytes }: SerialisedEntry, done: Committed): void => {
    const device = devices.of(d)
    if (boot === undefined || seq === undefined) shards[device.shard]?.add(bytes, done)
    else addNumbered(device, { boot, seq, bytes }, done)
  }

  return {
    add,
    observe: (entry) =>
      new Promise((resolve, reject) => {
        add(serialised(entry), (error, position) =>
          error === undefined ? resolve(position ?? 0n) : reject(new CommitFailed(error)),
        )
      }),
    remember: (id, window) => {
      if (!devices.has(id)) devices.of(id).window = new WindowTracker(window)
    },
    knows: (id) => devices.has(id),
    pending: () => shards.reduce((sum, shard) => sum + shard.pending(), 0),
    idle: async () => {
      await Promise.all(shards.map((shard) => shard.idle()))
    },
  }
}

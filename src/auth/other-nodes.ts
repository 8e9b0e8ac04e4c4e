import type { Random } from '../../protocol/base62.ts'
import { type NodeId, newEventId } from '../../protocol/ids.ts'
import { nodeSilenceMarginMs, nodesWatchedMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import { type EventStore, StoreUnavailable } from '../store/event-store.ts'
import type { Log } from '../store/log.ts'
import { nodeStream } from '../store/streams.ts'
import { within } from './bounded.ts'
import type { NodeLease } from './lease.ts'

type Deps = {
  readonly store: Pick<EventStore, 'append' | 'readLast'>
  readonly lease: Pick<NodeLease, 'node' | 'holds' | 'prove'>
  readonly leaseMsMax: number
  readonly monotonic: () => number
  readonly random: Random
  readonly log: Log
}

export type OtherNodes = {
  readonly alive: (node: NodeId) => void
  readonly lost: (node: NodeId) => void
  /** Whether the log said so, as far as this node remembers: what comes of it after that is void. */
  readonly isLost: (node: NodeId) => boolean
  /** A node that seems to have open sessions: its last sign of life may stand before where this node began to follow. */
  readonly suspect: (node: NodeId) => void
  /** How many of them gave a sign of life within their lease. */
  readonly live: () => number
  /** Declares lost whoever has been silent for too long. */
  readonly sweep: () => Promise<void>
}

/** Finds nodes that died. Time is this node's monotonic clock at the arrival of what it followed. */
export const createOtherNodes = (deps: Deps): OtherNodes => {
  const { store, lease, leaseMsMax, monotonic, random, log } = deps
  const heard = new Map<NodeId, number>()
  const gone = createLru<NodeId, true>(nodesWatchedMax)

  const hear = (node: NodeId): void => {
    heard.delete(node)
    heard.set(node, monotonic())
    const [oldest] = heard.size > nodesWatchedMax ? heard.keys() : []
    if (oldest !== undefined) heard.delete(oldest)
  }

  const declare = async (node: NodeId): Promise<void> => {
    const stream = nodeStream(node)
    const last = await store.readLast(stream)
    if (last?.type !== 'NodeAlive') return
    const by = lease.node()
    const event = { id: newEventId(random), type: 'NodeLost', data: { by }, metadata: {} }
    const { kind } = await store.append(stream, [event], last.revision)
    if (kind === 'appended')
      log.warn({ node }, 'a node was silent past its lease and is declared lost')
    // On a conflict it lives, or another node was faster: the log will say which.
    else hear(node)
  }

  const examine = async (node: NodeId, silentSince: number): Promise<void> => {
    // Only who proves to be up to date may say that another one is silent.
    if ((await within(lease.prove(), leaseMsMax)) === 'late') return
    if (!lease.holds() || heard.get(node) !== silentSince) return
    try {
      await declare(node)
      if (heard.get(node) === silentSince) heard.delete(node)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      log.warn({ error, node }, 'a silent node could not be examined')
    }
  }

  return {
    alive: (node) => {
      if (!gone.has(node) && node !== lease.node()) hear(node)
    },
    lost: (node) => {
      heard.delete(node)
      gone.set(node, true)
    },
    isLost: (node) => gone.has(node),
    suspect: (node) => {
      if (!gone.has(node) && !heard.has(node) && node !== lease.node()) hear(node)
    },
    live: () => {
      const since = monotonic() - leaseMsMax
      return [...heard.values()].filter((at) => at >= since).length
    },
    sweep: async () => {
      const deadline = monotonic() - leaseMsMax - nodeSilenceMarginMs
      const silent = [...heard].filter(([, since]) => since < deadline)
      for (const [node, since] of silent) await examine(node, since)
    },
  }
}

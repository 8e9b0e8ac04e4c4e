import type { Random } from '../../protocol/base62.ts'
import { type NodeId, newEventId, type SessionId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import {
  appendMsMax,
  sessionCommitBytesMax,
  sessionCommitEntriesMax,
  sessionEntriesWaitingMax,
  sessionGatherMs,
} from '../../protocol/limits.ts'
import type { CloseReason, SessionEntry } from '../../protocol/observations.ts'
import type { EventStore } from '../store/event-store.ts'
import { type Committed, createGroupCommit, type StreamFamily } from '../store/group-commit.ts'
import type { Log } from '../store/log.ts'
import { createPaced } from '../store/paced.ts'
import { sessionStream } from '../store/streams.ts'
import type { LocalSession } from './session-table.ts'

type Deps = {
  readonly store: Pick<EventStore, 'append' | 'readPage'>
  readonly node: NodeId
  readonly mayAppend: () => boolean
  readonly onFenced: () => void
  readonly now: () => number
  readonly monotonic: () => number
  readonly random: Random
  readonly log: Log
}

/** What this node says about its sessions, in `session.<day>-<node>`. */
export type SessionLog = {
  /** Sessions are committed in the order of these calls. */
  readonly opened: (session: LocalSession, done: Committed) => void
  /** In the background, and again when it failed: a session that is not closed counts as open. */
  readonly closed: (session: LocalSession, reason: CloseReason) => void
  /** Says what could not be said while the lease was over. */
  readonly catchUp: () => void
  /** Begins anew as another incarnation: what the old one left open, its `NodeLost` closed. */
  readonly reset: (node: NodeId) => void
  readonly idle: () => Promise<void>
}

type Said = { readonly entry: SessionEntry; readonly done: Committed }

const familyOf = (node: NodeId): StreamFamily<SessionEntry> => ({
  streamAt: (ms) => sessionStream(node, ms),
  encode: (entries) => ({ v: 1, node, entries }),
  metadata: { v: 1, node },
})

export const createSessionLog = (deps: Deps): SessionLog => {
  const { store, now, random } = deps
  const commit = createGroupCommit<SessionEntry>({
    ...deps,
    store,
    type: 'SessionsChanged',
    family: familyOf(deps.node),
    bytesOf: (entry) => JSON.stringify(entry).length,
    entriesMax: sessionCommitEntriesMax,
    bytesMax: sessionCommitBytesMax,
    waitingEntriesMax: sessionEntriesWaitingMax,
    appendMsMax,
    newId: () => newEventId(random),
  })
  // A fleet that comes back, or goes, is written down many at a time: each commit costs every reader the same, whatever is in it.
  const paced = createPaced<Said>(sessionGatherMs, (said) => {
    for (const { entry, done } of said) commit.add(entry, done)
  })
  // At most one a session that this node ever opened in one incarnation without a lease in between.
  const owed = new Map<SessionId, SessionEntry>()
  let orders = 0

  const entryOf = ({ id, truth }: LocalSession) => ({
    s: id,
    p: truth.project,
    d: truth.deviceId,
    tok: truth.tokenId,
    rx: instantOf(now()),
  })

  const close = (entry: SessionEntry): void => {
    const done: Committed = (error) => {
      // A fenced incarnation is over, and its sessions with it.
      if (error && error !== 'fenced') owed.set(entry.s, entry)
    }
    paced.add({ entry, done })
  }

  return {
    opened: (session, done) => {
      orders += 1
      session.order = orders
      paced.add({ entry: { k: 'opened', ...entryOf(session) }, done })
    },
    closed: (session, reason) => close({ k: 'closed', ...entryOf(session), reason }),
    catchUp: () => {
      const entries = [...owed.values()]
      owed.clear()
      for (const entry of entries) close(entry)
    },
    reset: (node) => {
      // What waits is the old incarnation's.
      paced.flush()
      commit.reset(familyOf(node))
      owed.clear()
    },
    idle: () => {
      paced.flush()
      return commit.idle()
    },
  }
}

import type { Kysely } from 'kysely'
import { readCheckpoint } from '../../projections/checkpoints.ts'
import type { Tables } from '../../projections/tables.ts'
import type { Random } from '../../protocol/base62.ts'
import type { NodeId } from '../../protocol/ids.ts'
import { msOf } from '../../protocol/instant.ts'
import { authLeaseMsMax, overlayEventsMax } from '../../protocol/limits.ts'
import type { CloseReason, SessionEntry } from '../../protocol/observations.ts'
import { parseToken } from '../../protocol/tokens.ts'
import type { EventStore } from '../store/event-store.ts'
import type { Secrets } from '../store/keyring.ts'
import type { Ledger } from '../store/ledger.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import type { Vault } from '../store/vault.ts'
import { createAddressGate } from './address-gate.ts'
import { within } from './bounded.ts'
import { createCredentials } from './credentials.ts'
import type { FollowedEvent, FollowedRecording } from './followed-event.ts'
import { createHttpCredentials } from './http-credentials.ts'
import { NodeLease } from './lease.ts'
import { createLookUp } from './look-up.ts'
import { type NodeFollower, startNodeFollower } from './node-follower.ts'
import { createSessionOpener } from './open-session.ts'
import { createOtherNodes } from './other-nodes.ts'
import { beforeAll, Overlay } from './overlay.ts'
import type { Auth } from './ports.ts'
import { createReader, credentialProjections } from './rows.ts'
import { createSessionLog } from './session-log.ts'
import { createSessionTable, type LocalSession } from './session-table.ts'
import { createTakeovers } from './takeovers.ts'
import { createTokenEvents } from './token-events.ts'
import { startUpkeep } from './upkeep.ts'

export type AuthDeps = {
  readonly store: EventStore
  readonly ledger: Pick<Ledger, 'transact'>
  readonly vault: Pick<Vault, 'keyOf'>
  /** The node's own pool. */
  readonly db: Kysely<Tables>
  /** Two connections of its own, for look-ups of ids that nobody may have. */
  readonly spareDb: Kysely<Tables>
  readonly secrets: Pick<Secrets, 'pepper'>
  /** Lapel's version, for `NodeAlive`. */
  readonly version: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: () => number
  readonly random: Random
  readonly log: Log
  readonly meter: Meter
  /** Told of what became of recordings, as it is followed. */
  readonly onRecording?: (news: FollowedRecording) => void
  /** `authLeaseMsMax`, unless a test is in a hurry. */
  readonly leaseMsMax?: number
}

type Full = AuthDeps & { readonly leaseMsMax: number }

/** Sessions and the lease that they hang on: what ends the lease ends them. */
const createNode = (deps: Full) => {
  const listeners: ((node: NodeId) => void)[] = []
  // Whoever cannot close a socket must not keep this node from following the log.
  const close = (session: LocalSession, reason: CloseReason): void => {
    try {
      session.kick(reason)
    } catch (error) {
      deps.log.error({ error, session: session.id }, 'a session could not be closed')
    }
  }
  const table = createSessionTable((session, reason) => {
    close(session, reason)
    // One that was never written down has nothing to be closed.
    if (Number.isFinite(session.order)) sessionLog.closed(session, reason)
  })
  const lease = new NodeLease({
    ...deps,
    onExpired: () => {
      deps.log.error({ node: lease.node() }, 'the lease of this node has ended: all sockets close')
      table.kickAll('store_down')
    },
    onHolds: () => sessionLog.catchUp(),
    onLost: (_old, next) => {
      // Before the streams change: their `NodeLost` closed these sessions already.
      for (const session of table.all())
        if (table.end(session, 'store_down')) close(session, 'store_down')
      sessionLog.reset(next)
      for (const listener of listeners) listener(next)
    },
  })
  const sessionLog = createSessionLog({
    ...deps,
    node: lease.node(),
    mayAppend: () => lease.holds(),
    onFenced: () => lease.lost(lease.node()),
  })
  const others = createOtherNodes({ ...deps, lease })
  return { table, lease, sessionLog, others, listeners }
}

type Node = ReturnType<typeof createNode>
type TokenEvents = ReturnType<typeof createTokenEvents>
type SessionsEvent = Extract<FollowedEvent, { kind: 'sessions' }>

/** Sessions as the log tells them, of every node alike: the newest wins, and too many takeovers end both. */
const createSessionFollower = ({ table, lease, others }: Node, tokenEvents: TokenEvents) => {
  const countTakeovers = createTakeovers()

  const suspectClone = (entry: SessionEntry, takeovers: number, isOwn: boolean): void => {
    for (const session of table.ofDevice(entry.d)) table.kick(session, 'clone_suspected')
    // The node that opened it says so, whether or not it is still open there; the others only close theirs.
    if (isOwn) tokenEvents.clone(entry, takeovers)
  }

  return ({ node, position, entries }: SessionsEvent): void => {
    // A paused node may have had an append on its way when it was declared lost.
    if (others.isLost(node)) return
    const isOwn = node === lease.node()
    for (const entry of entries) {
      const takeovers = countTakeovers(entry)
      if (entry.k === 'opened' && !isOwn) table.overtake(entry.d, position)
      if (takeovers !== undefined) suspectClone(entry, takeovers, isOwn)
    }
  }
}

/** Credentials as this node sees them, and what follows the log for all of it. */
const createView = (deps: Full, node: Node, overlay: Overlay, isClosing: () => boolean) => {
  const { table, lease, others } = node
  const holds = () => !isClosing() && lease.holds()
  const tokenEvents = createTokenEvents(deps)
  const read = createReader({ main: deps.db, spare: deps.spareDb })
  const gate = createAddressGate({ ...deps, read })
  const lookUp = createLookUp({ overlay, gate, prove: () => lease.prove() })
  const peppers = deps.secrets.pepper
  const onReuse = tokenEvents.reuse
  const credentials = createCredentials({ ...deps, lookUp, gate, holds, peppers, onReuse })
  const followSessions = createSessionFollower(node, tokenEvents)
  const follow = (event: FollowedEvent): void => {
    switch (event.kind) {
      case 'credential':
        overlay.add(event.event)
        lookUp.follow(event.event)
        for (let ended = table.follow(event.event); ended > 0; ended -= 1)
          deps.meter.observe('revoke_to_closed_seconds', (deps.now() - msOf(event.at)) / 1_000)
        return
      case 'sessions':
        followSessions(event)
        return
      case 'alive':
        if (event.node === lease.node()) lease.seen(event.id)
        else others.alive(event.node)
        return
      case 'lost':
        if (event.node === lease.node()) lease.lost(event.node)
        else others.lost(event.node)
        return
      case 'recording':
        deps.onRecording?.(event.news)
        return
      case 'other':
        return
    }
  }
  return { holds, tokenEvents, credentials, follow }
}

const healthOf = (lease: NodeLease, follower: NodeFollower): ReturnType<Auth['health']> => {
  const measured = { lagMs: Math.round(lease.lagMs()), leaseMs: Math.round(lease.ageMs()) }
  if (lease.holds()) return { status: 'ok', ...measured }
  const detail = follower.failure() ?? 'this node has not seen its own NodeAlive for too long'
  return { status: 'failing', detail, ...measured }
}

/**
 * Opens the view of who may, beginning at the checkpoint of the credentials' projections. Returns once this node proved that it
 * follows the log, or after `leaseMsMax`: until then everything is answered with `not-now`. Throws when Postgres is down.
 */
export const openAuth = async (given: AuthDeps): Promise<Auth> => {
  const deps: Full = { ...given, leaseMsMax: given.leaseMsMax ?? authLeaseMsMax }
  const floor = await readCheckpoint(deps.db, credentialProjections)
  let isClosing = false
  const node = createNode(deps)
  const { table, lease, sessionLog } = node
  const overlay = new Overlay(floor ?? beforeAll, overlayEventsMax)
  const view = createView(deps, node, overlay, () => isClosing)
  const follower = startNodeFollower({
    store: deps.store,
    from: floor ?? 'start',
    onEvent: view.follow,
    onPosition: (position) => overlay.advance(position),
    log: deps.log,
  })
  const stopUpkeep = startUpkeep({ ...deps, ...node, overlay, follower })
  const open = createSessionOpener({ ...deps, ...node, ...view })
  await within(lease.prove(), deps.leaseMsMax)
  return {
    ...createHttpCredentials(view),
    openSession: async (text, remote, kick) => {
      const token = parseToken(text)
      return token?.prefix === 'dtok' ? open(token, remote, kick) : { kind: 'malformed' }
    },
    closeSession: (id, reason) => {
      const session = table.get(id)
      if (session && table.end(session, reason)) sessionLog.closed(session, reason)
    },
    lease: {
      holds: view.holds,
      node: () => lease.node(),
      onIncarnation: (listener) => void node.listeners.push(listener),
    },
    health: () => healthOf(lease, follower),
    liveNodes: () => 1 + node.others.live(),
    followed: (position, msMax) => {
      const reached = follower.position()
      // What is not for this follower passes it with the next thing that is.
      if (reached === 'start' || reached < position) void lease.prove()
      return follower.reached(position, msMax)
    },
    close: async () => {
      isClosing = true
      table.kickAll('node_stopping')
      await within(sessionLog.idle(), deps.leaseMsMax)
      await stopUpkeep()
      await within(lease.stop(), deps.leaseMsMax)
      await follower.close()
    },
  }
}

import type { EventOf, StreamKind } from '../protocol/events/lifecycle.ts'
import type { NodeId, ProjectId } from '../protocol/ids.ts'
import type { Instant } from '../protocol/instant.ts'
import type { Entry, SessionEntry } from '../protocol/observations.ts'

/** A lifecycle event as projections meet it: its sealed member opened, or `null` where the subject was erased. */
export type LifecycleLogEvent = {
  readonly [Kind in StreamKind]: {
    readonly kind: Kind
    readonly event: EventOf<Kind>
    /** The project of the stream; `sys.` streams have none. */
    readonly project: ProjectId | null
    /** What stands behind the kind in the stream's name. */
    readonly subject: string
    readonly opened: Readonly<Record<string, unknown>> | null
    readonly at: Instant
    readonly revision: number
    readonly position: bigint
  }
}[StreamKind]

export type LogEvent =
  | LifecycleLogEvent
  | {
      readonly kind: 'observed'
      /** The entries of each device, in their order. */
      readonly byDevice: ReadonlyMap<string, readonly Entry[]>
      /** Of the entries that hold a sealed one, where its key is there. */
      readonly deviceNames: ReadonlyMap<Entry, string>
      readonly position: bigint
    }
  | {
      readonly kind: 'sessions'
      readonly node: NodeId
      readonly entries: readonly SessionEntry[]
      readonly position: bigint
    }
  | {
      readonly kind: 'node-lost'
      readonly node: NodeId
      readonly by: NodeId
      readonly position: bigint
    }

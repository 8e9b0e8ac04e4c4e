import {
  type ApiKeyId,
  type DeviceId,
  type NodeId,
  parseNodeId,
  type RecordingId,
} from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import {
  nodeAliveSchema,
  nodeLostSchema,
  type SessionEntry,
  sessionsChangedSchema,
} from '../../protocol/observations.ts'
import type { Position, StoredEvent } from '../store/event-store.ts'
import { recordedOf } from '../store/record.ts'
import { parseLifecycleStream } from '../store/streams.ts'
import type { CredentialEvent } from './overlay.ts'

/** What became of a recording that its device is to hear of. */
export type FollowedRecording = {
  readonly recordingId: RecordingId
  /** Of the event in the recording's stream. */
  readonly revision: number
  /** The chunk that was refused, where it is that. */
  readonly refused?: { readonly index: number; readonly reason: string }
}

/** What the log tells a node. `other` moves nothing but the position. */
export type FollowedEvent =
  | {
      readonly kind: 'credential'
      readonly event: CredentialEvent
      /** When it was decided, by the clock of the node that did. */
      readonly at: Instant
    }
  | {
      readonly kind: 'sessions'
      readonly node: NodeId
      readonly position: Position
      readonly entries: readonly SessionEntry[]
    }
  | {
      readonly kind: 'alive' | 'lost'
      readonly id: string
      readonly node: NodeId
      readonly revision: number
    }
  | { readonly kind: 'recording'; readonly news: FollowedRecording }
  | { readonly kind: 'other' }

const json = (data: unknown): unknown =>
  data instanceof Uint8Array ? JSON.parse(Buffer.from(data).toString('utf8')) : data

const nodeEvent = (stored: StoredEvent): FollowedEvent => {
  const node = parseNodeId(stored.stream.slice('node-'.length))
  if (node === undefined) return { kind: 'other' }
  const { id, revision } = stored
  if (stored.type === 'NodeAlive') {
    nodeAliveSchema.parse(json(stored.data))
    return { kind: 'alive', id, node, revision }
  }
  if (stored.type !== 'NodeLost') return { kind: 'other' }
  nodeLostSchema.parse(json(stored.data))
  return { kind: 'lost', id, node, revision }
}

const sessionsEvent = (stored: StoredEvent): FollowedEvent => {
  if (stored.type !== 'SessionsChanged') return { kind: 'other' }
  const { node, entries } = sessionsChangedSchema.parse(json(stored.data))
  return { kind: 'sessions', node, position: stored.position, entries }
}

const news: ReadonlySet<string> = new Set([
  'ChunksStored',
  'ChunkRefused',
  'RecordingStitched',
  'RecordingIncomplete',
  'RecordingFailed',
  'RecordingDeleted',
])

const recordingEvent = (stored: StoredEvent, recordingId: RecordingId): FollowedEvent => {
  if (!news.has(stored.type)) return { kind: 'other' }
  // What is in the other ones is read where somebody hears of it.
  const { revision } = stored
  if (stored.type !== 'ChunkRefused') return { kind: 'recording', news: { recordingId, revision } }
  const { data } = recordedOf(stored, 'recording')
  if (!('reason' in data && 'index' in data)) return { kind: 'other' }
  const refused = { index: data.index, reason: data.reason }
  return { kind: 'recording', news: { recordingId, revision, refused } }
}

const lifecycleEvent = (stored: StoredEvent): FollowedEvent => {
  const stream = parseLifecycleStream(stored.stream)
  if (!stream?.project) return { kind: 'other' }
  const { project, kind } = stream
  const place = { position: stored.position, project }
  if (kind === 'device') {
    const subject = stream.subject as DeviceId // the stream is named after its device
    const event = recordedOf(stored, kind)
    return { kind: 'credential', event: { ...place, kind, subject, event }, at: event.at }
  }
  if (kind === 'recording') return recordingEvent(stored, stream.subject as RecordingId)
  if (kind !== 'apikey') return { kind: 'other' }
  const subject = stream.subject as ApiKeyId // or after its key
  const event = recordedOf(stored, kind)
  return { kind: 'credential', event: { ...place, kind, subject, event }, at: event.at }
}

/** What a stored event tells; of an unknown type or form it throws: who may not guess, may not go on. */
export const followedEvent = (stored: StoredEvent): FollowedEvent => {
  if (stored.stream.startsWith('proj_')) return lifecycleEvent(stored)
  if (stored.stream.startsWith('session.')) return sessionsEvent(stored)
  return stored.stream.startsWith('node-') ? nodeEvent(stored) : { kind: 'other' }
}

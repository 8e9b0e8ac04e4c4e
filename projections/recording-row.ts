import type { Ranges } from '../protocol/ranges.ts'
import type { RecordingStatus } from '../protocol/recording-payloads.ts'
import type { Stage } from '../protocol/recording-status.ts'
import type { InstantText, Int8, Metadata } from './tables.ts'

/** A file of a recording, as its row keeps it. */
export type MediaEntry = {
  readonly id: string
  readonly type: string
  readonly content_type: string
  readonly bytes: number | null
  readonly sha256: string | null
  readonly captured_at: InstantText | null
  readonly created_at: InstantText
  /** `null` until it is stored. */
  readonly object: string | null
}

export type RecordingRow = {
  id: string
  project_id: string
  source: 'mqtt' | 'http'
  device_id: string | null
  end_user_id: string | null
  binding_id: string | null
  quarantine_reason: string | null
  /** Somebody decided whose it is. */
  is_assigned: boolean
  skew_ms: Int8 | null
  boot: string | null
  codec: string | null
  sample_rate: number | null
  channels: number | null
  name: string | null
  metadata: Metadata
  /** Under whose key `name` and `metadata` stand in the log; `null`: the recording's own. */
  sealed_for: string | null
  started_at: InstantText
  ended_at: InstantText | null
  duration_ms: Int8 | null
  announced: Ranges
  stored: Ranges
  total_chunks: number | null
  total_bytes: Int8 | null
  finish_reason: string | null
  finished_at: InstantText | null
  media: readonly MediaEntry[]
  status: RecordingStatus | 'deleted'
  stage: Stage
  /** It takes chunks or files, or waits for being put together. */
  is_open: boolean
  ended_how: 'stitched' | 'incomplete' | 'failed' | null
  object: string | null
  object_bytes: Int8 | null
  object_sha256: string | null
  merkle_root: string | null
  failure_reason: string | null
  missing: Ranges | null
  closed_at: InstantText | null
  deleted_at: InstantText | null
  created_at: InstantText
  updated_at: InstantText
  revision: Int8
}

export type RecordingChunkRow = {
  id: string
  recording_id: string
  project_id: string
  index: number
  bytes: Int8
  sha256: string
  started_at: InstantText | null
  duration_ms: Int8 | null
  announced_at: InstantText
  attempt: number
  object: string | null
  stored_at: InstantText | null
  refused_because: string | null
}

import { z } from 'zod'
import {
  apiKeyId,
  deviceId,
  endUserId,
  instant,
  projectId,
  sealed,
  tokenId,
} from './events/shapes.ts'
import { type NodeId, parseNodeId, parseSessionId, type SessionId } from './ids.ts'
import { bootPayloadSchema, bootSchema, heartbeatSchema } from './payloads.ts'

const nodeId = z.custom<NodeId>((value) => parseNodeId(value) !== undefined, 'not a node id')
const sessionId = z.custom<SessionId>(
  (value) => parseSessionId(value) !== undefined,
  'not a session id',
)

const common = {
  via: z.enum(['mqtt', 'http']),
  p: projectId,
  d: deviceId,
  /** The token that signed in, or the key that relayed. */
  by: z.union([tokenId, apiKeyId]),
  boot: bootSchema.optional(),
  seq: z.int().min(0).optional(),
  /** The device's clock, as it was sent. */
  at: z.union([z.string(), z.int()]).optional(),
  /** The server's clock at receipt. */
  rx: instant,
}

/** `sealed_for` names the end user under whose key `sealed` stands. */
const sealedFor = { sealed: sealed.optional(), sealed_for: endUserId.optional() }

/**
 * One observation. `device_name` of a heartbeat and the body of a reject are what a person may have written: they stand
 * here only as `sealed`, under the key of the end user to whom the device was bound, or not at all.
 */
export const entrySchema = z.discriminatedUnion('k', [
  z.object({
    k: z.literal('heartbeat'),
    ...common,
    data: heartbeatSchema.omit({ device_name: true }).extend(sealedFor),
  }),
  z.object({ k: z.literal('boot'), ...common, data: bootPayloadSchema }),
  z.object({
    k: z.literal('rejected'),
    ...common,
    data: z.object({
      code: z.string(),
      topic: z.string(),
      field: z.string().optional(),
      /** Length and SHA-256 of the whole payload; its first 1,024 bytes, as base64, are in `sealed`. */
      bytes: z.int().min(0),
      sha256: z.string(),
      ...sealedFor,
    }),
  }),
])
export type Entry = z.infer<typeof entrySchema>

/** One commit: the entries of many devices. Stored as bytes that hold this as UTF-8 JSON. */
export const ingestCommittedSchema = z.object({ v: z.literal(1), entries: z.array(entrySchema) })
export type IngestCommitted = z.infer<typeof ingestCommittedSchema>

export const closeReasons = [
  'disconnected',
  'lost',
  'keepalive',
  'taken_over',
  'revoked',
  'unbound',
  'protocol_error',
  'overloaded',
  'clone_suspected',
  'node_stopping',
  'store_down',
] as const
export type CloseReason = (typeof closeReasons)[number]

/** `closed` ends only the session with that `s`. */
export const sessionEntrySchema = z.object({
  k: z.enum(['opened', 'closed']),
  s: sessionId,
  p: projectId,
  d: deviceId,
  tok: tokenId,
  rx: instant,
  reason: z.enum(closeReasons).optional(),
})
export type SessionEntry = z.infer<typeof sessionEntrySchema>

export const sessionsChangedSchema = z.object({
  v: z.literal(1),
  node: nodeId,
  entries: z.array(sessionEntrySchema),
})
export type SessionsChanged = z.infer<typeof sessionsChangedSchema>

/** In `node-<incarnation>`: the node follows the log and may accept. */
export const nodeAliveSchema = z.object({ node: nodeId, version: z.string() })
/** In the same stream, by another node: it stopped; its sessions are over. */
export const nodeLostSchema = z.object({ by: nodeId })

export const observationTypes = [
  'IngestCommitted',
  'SessionsChanged',
  'NodeAlive',
  'NodeLost',
] as const

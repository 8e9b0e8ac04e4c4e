import type { StreamKind } from '../../protocol/events/lifecycle.ts'
import type {
  ApiKeyId,
  DeviceId,
  EndUserId,
  NodeId,
  ProjectId,
  RecordingId,
} from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'

declare const kindOfStream: unique symbol

/** The name of a stream of lifecycle events of one kind. */
export type StreamName<Kind extends StreamKind> = string & { readonly [kindOfStream]: Kind }

const named = <Kind extends StreamKind>(name: string): StreamName<Kind> => name as StreamName<Kind>

export const deviceStream = (project: ProjectId, id: DeviceId) =>
  named<'device'>(`${project}.device-${id}`)
export const endUserStream = (project: ProjectId, id: EndUserId) =>
  named<'enduser'>(`${project}.enduser-${id}`)
export const apiKeyStream = (project: ProjectId, id: ApiKeyId) =>
  named<'apikey'>(`${project}.apikey-${id}`)
export const projectStream = (project: ProjectId) =>
  named<'project'>(`${project}.project-${project}`)
/** `hash`: keyed hash of the claimed kind and value, 64 hex digits. */
export const claimStream = (project: ProjectId, hash: string) =>
  named<'claim'>(`${project}.claim-${hash}`)
export const recordingStream = (project: ProjectId, id: RecordingId) =>
  named<'recording'>(`${project}.recording-${id}`)
export const signingKeyStream = (kid: string) => named<'signing-key'>(`sys.signing-key-${kid}`)

const lifecycleName =
  /^(?:(proj_[0-9A-Za-z]{22})\.|sys\.)(device|enduser|apikey|project|claim|recording|signing-key)-(.+)$/

export type ParsedStream = {
  /** `null` for what belongs to no project. */
  readonly project: ProjectId | null
  readonly kind: StreamKind
  readonly subject: string
}

/** The parts of a lifecycle stream's name, or `undefined` for any other stream. */
export const parseLifecycleStream = (name: string): ParsedStream | undefined => {
  const [, project, kind, subject] = lifecycleName.exec(name) ?? []
  if (kind === undefined || subject === undefined) return undefined
  return { project: (project ?? null) as ProjectId | null, kind: kind as StreamKind, subject }
}

/** The kind that a stream's name says. */
export const kindOf = <Kind extends StreamKind>(name: StreamName<Kind>): Kind => {
  const parsed = parseLifecycleStream(name)
  if (!parsed) throw new Error(`${name} is no stream of lifecycle events`)
  return parsed.kind as Kind
}

const dayOf = (ms: number): string => instantOf(ms).slice(0, 10).replaceAll('-', '')

export const shardsCount = 8

/** `ingest.<yyyymmdd>-<node>.<shard>`, UTC day of `ms`. */
export const ingestStream = (node: NodeId, shard: number, ms: number): string =>
  `ingest.${dayOf(ms)}-${node}.${shard}`

/** `session.<yyyymmdd>-<node>`. */
export const sessionStream = (node: NodeId, ms: number): string => `session.${dayOf(ms)}-${node}`

/** `node-<incarnation>`, `$maxCount` 1. */
export const nodeStream = (node: NodeId): string => `node-${node}`

/** The prefixes that the two kinds of follower read. */
export const lifecyclePrefixes = ['proj_', 'sys.'] as const
export const nodeFollowerPrefixes = ['proj_', 'session.', 'node-'] as const
export const ingestPrefixes = ['ingest.'] as const
export const projectorPrefixes = ['proj_', 'session.', 'node-', 'ingest.'] as const

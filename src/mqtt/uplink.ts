import type { MqttErrorCode } from '../../protocol/errors.ts'
import type { Instant } from '../../protocol/instant.ts'
import { observationPayloadBytesMax } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import {
  type Boot,
  bootMessage,
  heartbeatMessage,
  type Uplink as Numbered,
  uplinkSchema,
} from '../../protocol/payloads.ts'
import type { UpTopic } from '../../protocol/topics.ts'
import type { Session } from '../auth/ports.ts'
import { decodePayload } from './payload.ts'

/** What a message of a device comes to: an entry for the log, or why it is none. */
export type Uplink =
  | { readonly kind: 'entry'; readonly entry: Entry; readonly deviceName: string | undefined }
  | Fault

export type Fault = {
  readonly kind: 'fault'
  readonly code: MqttErrorCode
  readonly message?: string
  readonly field?: string
  readonly boot?: Boot
  readonly seq?: number
}

/** The numbers of a message that has a fault elsewhere: the device finds it again by them. */
const numbersOf = (value: unknown): { boot?: Boot; seq?: number } => {
  const parsed = uplinkSchema.safeParse(value)
  if (!parsed.success) return {}
  const { boot, seq } = parsed.data
  return { ...(boot !== undefined && { boot }), ...(seq !== undefined && { seq }) }
}

type Issues = {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]
}

/** The first thing that is wrong with it. */
export const invalid = ({ issues: [issue] }: Issues, value: unknown): Fault => {
  const field = issue?.path.join('.') ?? ''
  return {
    kind: 'fault',
    code: 'validation_failed',
    message: issue?.message ?? 'The payload has an invalid value.',
    ...(field !== '' && { field }),
    ...numbersOf(value),
  }
}

const common = ({ principal }: Session, { boot, seq, at }: Numbered, rx: Instant) => ({
  via: 'mqtt' as const,
  p: principal.project,
  d: principal.deviceId,
  by: principal.tokenId,
  ...(boot !== undefined && { boot }),
  ...(seq !== undefined && { seq }),
  ...(at !== undefined && { at }),
  rx,
})

const heartbeatOf = (value: unknown, session: Session, rx: Instant): Uplink => {
  const parsed = heartbeatMessage.safeParse(value)
  if (!parsed.success) return invalid(parsed.error, value)
  const { device_name: deviceName, boot, seq, at, ...data } = parsed.data
  const entry: Entry = { k: 'heartbeat', ...common(session, { boot, seq, at }, rx), data }
  return { kind: 'entry', entry, deviceName }
}

const bootOf = (value: unknown, session: Session, rx: Instant): Uplink => {
  const parsed = bootMessage.safeParse(value)
  if (!parsed.success) return invalid(parsed.error, value)
  const { boot, seq, at, ...data } = parsed.data
  const entry: Entry = { k: 'boot', ...common(session, { boot, seq, at }, rx), data }
  return { kind: 'entry', entry, deviceName: undefined }
}

export const fault = (code: MqttErrorCode): Fault => ({ kind: 'fault', code })

/** The message under a topic of the session's own device. */
export const uplinkOf = (
  topic: UpTopic,
  payload: Uint8Array,
  session: Session,
  rx: Instant,
): Uplink => {
  if (topic.kind === 'unknown') return fault('unknown_topic')
  if (topic.kind === 'unknown-version') return fault('unknown_version')
  if (topic.kind !== 'heartbeat' && topic.kind !== 'boot') return fault('not_implemented')
  if (payload.length > observationPayloadBytesMax) return fault('too_large')
  const decoded = decodePayload(payload, topic.encoding)
  if (decoded.kind === 'malformed')
    return { kind: 'fault', code: 'malformed', message: decoded.reason }
  if (topic.kind === 'boot') return bootOf(decoded.value, session, rx)
  return heartbeatOf(decoded.value, session, rx)
}

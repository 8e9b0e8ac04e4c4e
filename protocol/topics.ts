import { type CommandId, type DeviceId, derivedId, parseId, type RecordingId } from './ids.ts'
import { topicLevelsMax } from './limits.ts'

/** The MQTT contract, "Topics": their grammar, both ways. */

/** How a device names itself in a topic; answers use the same spelling. */
export type TopicDevice = 'me' | DeviceId
export type Encoding = 'json' | 'cbor'
/** A recording as the device spells it: its own UUID, or the server's id. */
export type TopicRecording = string

type Addressed = { readonly device: TopicDevice; readonly encoding: Encoding }

export type UpTopic =
  | (Addressed & { readonly kind: 'boot' | 'heartbeat' | 'settings-reported' | 'will' })
  | (Addressed & {
      readonly kind: 'recording-start' | 'recording-chunks' | 'recording-finish'
      readonly recording: TopicRecording
    })
  | (Addressed & { readonly kind: 'command-result'; readonly command: CommandId })
  /** Below the device, but no message that we know: answered with `unknown_topic`. */
  | (Addressed & { readonly kind: 'unknown' })
  /** Another version than `v1`: answered with `unknown_version`. */
  | (Addressed & { readonly kind: 'unknown-version' })

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const parseDevice = (level: string | undefined): TopicDevice | undefined =>
  level === 'me' ? 'me' : parseId('dev_', level)

const parseRecording = (level: string | undefined): TopicRecording | undefined =>
  level !== undefined && (uuid.test(level) || parseId('rec_', level)) ? level : undefined

type Split = Addressed & { readonly version: string; readonly rest: readonly string[] }

/** `v<n>/devices/<device>/<rest…>[/cbor]`, or `undefined` for any other form. */
const split = (topic: string): Split | undefined => {
  const [version = '', devices, name, ...below] = topic.split('/', topicLevelsMax + 1)
  const device = parseDevice(name)
  if (!/^v\d{1,3}$/.test(version) || devices !== 'devices' || !device) return undefined
  if (below.length === 0 || below.length + 3 > topicLevelsMax) return undefined
  const isCbor = below.length > 1 && below.at(-1) === 'cbor'
  return {
    version,
    device,
    rest: isCbor ? below.slice(0, -1) : below,
    encoding: isCbor ? 'cbor' : 'json',
  }
}

const recordingKinds = {
  start: 'recording-start',
  chunks: 'recording-chunks',
  finish: 'recording-finish',
} as const
const isRecordingMessage = (level: string | undefined): level is keyof typeof recordingKinds =>
  level !== undefined && Object.hasOwn(recordingKinds, level)

const plainKinds: ReadonlyMap<string, 'boot' | 'heartbeat' | 'settings-reported' | 'will'> =
  new Map([
    ['boot', 'boot'],
    ['heartbeat', 'heartbeat'],
    ['settings/reported', 'settings-reported'],
    ['will', 'will'],
  ])

const upMessage = (rest: readonly string[], to: Addressed): UpTopic => {
  const plain = plainKinds.get(rest.join('/'))
  if (plain) return { kind: plain, ...to }
  const [group, name, message] = rest
  if (rest.length !== 3) return { kind: 'unknown', ...to }
  const recording = group === 'recordings' ? parseRecording(name) : undefined
  if (recording !== undefined && isRecordingMessage(message))
    return { kind: recordingKinds[message], recording, ...to }
  const command = group === 'commands' && message === 'result' ? parseId('cmd_', name) : undefined
  return command ? { kind: 'command-result', command, ...to } : { kind: 'unknown', ...to }
}

/**
 * What a device publishes to. `undefined` is no topic of a device at all (`$SYS/…`, a wildcard, more than `topicLevelsMax`
 * levels): nobody who follows the contract sends it. Whether `device` is the session's own is for the caller to see.
 */
export const parseUpTopic = (topic: string): UpTopic | undefined => {
  const parts = split(topic)
  if (!parts || /[+#\0]/.test(topic)) return undefined
  const { version, rest, device, encoding } = parts
  if (version !== 'v1') return { kind: 'unknown-version', device, encoding }
  return upMessage(rest, { device, encoding })
}

export type UpMessage =
  | 'boot'
  | 'heartbeat'
  | 'settings/reported'
  | 'will'
  | `recordings/${TopicRecording}/${keyof typeof recordingKinds}`
  | `commands/${string}/result`

export type DownMessage =
  | 'settings'
  | 'token'
  | 'errors'
  | 'time'
  | `recordings/${TopicRecording}/${'grants' | 'watermark'}`
  | `commands/${string}`

const suffix = (encoding: Encoding): string => (encoding === 'cbor' ? '/cbor' : '')

export const upTopic = (device: TopicDevice, message: UpMessage, encoding: Encoding): string =>
  `v1/devices/${device}/${message}${suffix(encoding)}`

export const downTopic = (device: TopicDevice, message: DownMessage, encoding: Encoding): string =>
  `v1/devices/${device}/down/${message}${suffix(encoding)}`

/** What a device subscribes to, and all that it may. */
export const downFilter = (device: TopicDevice): string => `v1/devices/${device}/down/#`

/** Whose downlink a filter asks for, or `undefined` for any filter but that one (SUBACK 0x80). */
export const parseDownFilter = (filter: string): TopicDevice | undefined => {
  const device = parseDevice(filter.split('/', 3)[2])
  return device && filter === downFilter(device) ? device : undefined
}

export type DownTopic =
  | (Addressed & { readonly kind: 'settings' | 'token' | 'errors' | 'time' })
  | (Addressed & {
      readonly kind: 'recording-grants' | 'recording-watermark'
      readonly recording: TopicRecording
    })
  | (Addressed & { readonly kind: 'command'; readonly command: CommandId })

const plainDown: ReadonlySet<string> = new Set(['settings', 'token', 'errors', 'time'])

const downMessage = (rest: readonly string[], to: Addressed): DownTopic | undefined => {
  const [group = '', name, message] = rest
  if (rest.length === 1 && plainDown.has(group))
    return { kind: group as 'settings' | 'token' | 'errors' | 'time', ...to }
  const command = group === 'commands' && rest.length === 2 ? parseId('cmd_', name) : undefined
  if (command) return { kind: 'command', command, ...to }
  const recording = group === 'recordings' && rest.length === 3 ? parseRecording(name) : undefined
  if (recording === undefined || (message !== 'grants' && message !== 'watermark')) return undefined
  return { kind: `recording-${message}`, recording, ...to }
}

/** What a device receives on, for a client. */
export const parseDownTopic = (topic: string): DownTopic | undefined => {
  const parts = split(topic)
  if (parts?.version !== 'v1' || parts.rest[0] !== 'down') return undefined
  const { rest, device, encoding } = parts
  return downMessage(rest.slice(1), { device, encoding })
}

/**
 * The server's id of a recording that a device named by a UUID of its own: `rec_` + the first 22 of the 43 base62 characters of
 * SHA-256( device id ‖ UUID in lower case with hyphens ). Both sides can compute it.
 */
export const recordingId = (device: DeviceId, uuidText: string): RecordingId =>
  derivedId('rec_', Buffer.from(`${device}${uuidText.toLowerCase()}`))

/** The recording that a level of a topic names. */
export const recordingIdOf = (device: DeviceId, recording: TopicRecording): RecordingId =>
  parseId('rec_', recording) ?? recordingId(device, recording)

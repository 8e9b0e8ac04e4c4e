import { createHash } from 'node:crypto'
import { encodeBase62, type Random, randomBase62 } from './base62.ts'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** A project world: `live` or `test`. `proj_` + 22 base62. */
export type ProjectId = Branded<'ProjectId'>
export type EndUserId = Branded<'EndUserId'>
export type DeviceId = Branded<'DeviceId'>
/** `key_` + the 12 characters that are also the public part of the key itself, so a key names its record. */
export type ApiKeyId = Branded<'ApiKeyId'>
/** The 12 public characters of a device token. */
export type TokenId = Branded<'TokenId'>
export type BindingId = Branded<'BindingId'>
export type RequestId = Branded<'RequestId'>
export type RecordingId = Branded<'RecordingId'>
/** One file of a recording. */
export type MediaId = Branded<'MediaId'>
export type CommandId = Branded<'CommandId'>
/** One run of one node: 16 base62 characters, new at every start and after every `NodeLost`. */
export type NodeId = Branded<'NodeId'>
/** One MQTT session: 128 random bits as 22 base62 characters. */
export type SessionId = Branded<'SessionId'>
/** Who did it: a key, a device, the command line, or Lapel itself; never an address or a name. */
export type Actor = ApiKeyId | DeviceId | 'cli' | 'system'

type Kinds = {
  proj_: ProjectId
  eu_: EndUserId
  dev_: DeviceId
  key_: ApiKeyId
  bind_: BindingId
  req_: RequestId
  rec_: RecordingId
  med_: MediaId
  cmd_: CommandId
}
export type IdPrefix = keyof Kinds

const bodyChars = (prefix: IdPrefix): number => (prefix === 'key_' ? 12 : 22)

export const newId = <P extends IdPrefix>(prefix: P, random: Random): Kinds[P] =>
  `${prefix}${randomBase62(bodyChars(prefix), random)}` as Kinds[P]

/** An id that follows from what it is made of: the same bytes always name the same thing. */
export const derivedId = <P extends IdPrefix>(prefix: P, bytes: Uint8Array): Kinds[P] => {
  const body = encodeBase62(createHash('sha256').update(bytes).digest(), 43)
  return `${prefix}${body.slice(0, bodyChars(prefix))}` as Kinds[P]
}

/** The form of each kind of id. */
export const idForms: Record<IdPrefix, RegExp> = {
  proj_: /^proj_[0-9A-Za-z]{22}$/,
  eu_: /^eu_[0-9A-Za-z]{22}$/,
  dev_: /^dev_[0-9A-Za-z]{22}$/,
  key_: /^key_[0-9A-Za-z]{12}$/,
  bind_: /^bind_[0-9A-Za-z]{22}$/,
  req_: /^req_[0-9A-Za-z]{22}$/,
  rec_: /^rec_[0-9A-Za-z]{22}$/,
  med_: /^med_[0-9A-Za-z]{22}$/,
  cmd_: /^cmd_[0-9A-Za-z]{22}$/,
}

/** The id, or `undefined` for any other form. */
export const parseId = <P extends IdPrefix>(prefix: P, text: unknown): Kinds[P] | undefined =>
  typeof text === 'string' && idForms[prefix].test(text) ? (text as Kinds[P]) : undefined

export const parseTokenId = (text: unknown): TokenId | undefined =>
  typeof text === 'string' && /^[0-9A-Za-z]{12}$/.test(text) ? (text as TokenId) : undefined

export const newNodeId = (random: Random): NodeId => randomBase62(16, random) as NodeId
export const parseNodeId = (text: unknown): NodeId | undefined =>
  typeof text === 'string' && /^[0-9A-Za-z]{16}$/.test(text) ? (text as NodeId) : undefined

export const newSessionId = (random: Random): SessionId => randomBase62(22, random) as SessionId

export const parseSessionId = (text: unknown): SessionId | undefined =>
  typeof text === 'string' && /^[0-9A-Za-z]{22}$/.test(text) ? (text as SessionId) : undefined

/** A UUID version 4 made of the random bytes that were handed in (RFC 9562, 5.4). */
export const newEventId = (random: Random): string => {
  const bytes = Uint8Array.from(random(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

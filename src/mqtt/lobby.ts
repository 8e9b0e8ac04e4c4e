import type { Duplex } from 'node:stream'
import {
  mqttKeepAliveSecondsMax,
  mqttKeepAliveSecondsMin,
  mqttPacketBytesBeforeConnackMax,
} from '../../protocol/limits.ts'
import { parseToken } from '../../protocol/tokens.ts'
import { parseUpTopic } from '../../protocol/topics.ts'
import { type ConnectPacket, parseConnect } from './connect-packet.ts'
import { Gathering, headAt } from './frames.ts'

/** CONNACK codes (MQTT 3.1.1, table 3.1; MQTT contract, "Connect"). */
export const connackCodes = {
  version: 1,
  identifier: 2,
  unavailable: 3,
  credentials: 4,
  notAuthorised: 5,
} as const

/** A will may stand on the device's own will topic alone; it is a hint, and is not kept. */
const isForeignWill = ({ will }: ConnectPacket): boolean =>
  will !== undefined && (parseUpTopic(will.topic)?.kind !== 'will' || will.isRetained)

const isIdentifierRefused = (packet: ConnectPacket): boolean =>
  packet.keepAliveSeconds < mqttKeepAliveSecondsMin ||
  packet.keepAliveSeconds > mqttKeepAliveSecondsMax ||
  (packet.clientId === '' && !packet.isClean) || // [MQTT-3.1.3-8]
  isForeignWill(packet)

/** The code of what needs no look-up to be refused: a token's checksum tells garbage from a token. */
const refusalOf = (packet: ConnectPacket): number | undefined => {
  if (isIdentifierRefused(packet)) return connackCodes.identifier
  return parseToken(packet.password)?.prefix === 'dtok' ? undefined : connackCodes.credentials
}

const connect = 0x10

export type Lobby = {
  /** A CONNECT that may be tried: the packet, and what came behind it. Nothing more is read until somebody resumes. */
  readonly onConnect: (packet: ConnectPacket, rest: Buffer) => void
  /** Anything else: the CONNACK's code, or none where the connection is just closed. */
  readonly onRefused: (code: number | undefined) => void
}

type Waiting = { readonly needed: number }
type First = { readonly body: Buffer; readonly rest: Buffer }

const judge = (conn: Duplex, { body, rest }: First, { onConnect, onRefused }: Lobby): void => {
  const packet = parseConnect(body)
  if (packet.kind === 'malformed') onRefused(undefined)
  else if (packet.kind === 'other-version') onRefused(connackCodes.version)
  else {
    const code = refusalOf(packet)
    if (code === undefined) {
      conn.pause()
      onConnect(packet, rest)
    } else onRefused(code)
  }
}

/** What the bytes so far are: how many are needed, or where the first packet's body stands; `undefined` for no CONNECT. */
const firstPacketIn = (bytes: Buffer): Waiting | First | undefined => {
  const head = headAt(bytes, 0)
  if (bytes[0] !== connect || head === 'malformed') return undefined
  if (head === 'incomplete') return { needed: bytes.length + 1 }
  if (head.length > mqttPacketBytesBeforeConnackMax) return undefined
  const end = head.bodyAt + head.length
  if (end > bytes.length) return { needed: end }
  return { body: bytes.subarray(head.bodyAt, end), rest: bytes.subarray(end) }
}

/**
 * Where a connection waits until its CONNECT is complete. Nothing is made for it before that, and nothing is kept but the beginning
 * of a packet of `mqttPacketBytesBeforeConnackMax`.
 */
export const waitInLobby = (conn: Duplex, lobby: Lobby): void => {
  const gathering = new Gathering()
  const take = (chunk: Buffer): void => {
    const bytes = gathering.add(chunk)
    if (!bytes) return
    const first = firstPacketIn(bytes)
    if (first && 'needed' in first) {
      gathering.keep(bytes, first.needed)
      return
    }
    conn.off('data', take)
    if (first) judge(conn, first, lobby)
    else lobby.onRefused(undefined)
  }
  conn.on('data', take)
  // It rests where a balancer's header was read first.
  if (conn.isPaused()) conn.resume()
}

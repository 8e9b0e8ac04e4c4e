import type { Aedes, AedesPublishPacket, Client } from 'aedes'
import { mqttUnreadBytesMax } from '../../protocol/limits.ts'
import { connackBytes } from './packets.ts'

/** A PUBLISH as the parser yields it. */
export type InboundPublish = AedesPublishPacket & { readonly messageId?: number }

/** Any packet as the parser yields it: its kind, and whatever belongs to that. */
export type InboundPacket = { readonly cmd: string }

/** What of Aedes 1.2.0's clients is used beyond its types. That version is pinned, and tests hold it to this. */
type Internals = {
  id: string
  _will: unknown
  will: unknown
  version: number
  connected: boolean
  connackSent: boolean
  _connectTimer: NodeJS.Timeout | null
  _keepaliveInterval: number
  _keepaliveTimer: NodeJS.Timeout | null
  _authorized: boolean
  readonly _nextBatch: () => void
  _parsingBatch: number
  readonly pause: () => void
  readonly waitForDrain: (done: () => void) => void
  readonly _parser: NodeJS.EventEmitter & {
    parse: (chunk: Buffer) => void
    _parseLength: () => boolean
    _queue: readonly unknown[] | null
    readonly packet: { readonly length: number }
    _emitError: (error: Error) => void
  }
}

export const internals = (client: Client): Internals => client as Client & Internals

/** Refuses a packet by its declared length, before a byte of its body is kept. */
export const limitPackets = (client: Client, bytesMax: () => number): void => {
  const parser = internals(client)._parser
  const parseLength = parser._parseLength
  parser._parseLength = function () {
    const complete = parseLength.call(this)
    if (!complete || this.packet.length <= bytesMax()) return complete
    this._emitError(new Error('the packet is too large'))
    return false
  }
}

/**
 * Shows every packet to `take` before Aedes sees it; what it takes, Aedes never sees.
 */
export const interceptPackets = (
  client: Client,
  take: (packet: InboundPacket) => boolean,
): void => {
  const parser = internals(client)._parser
  const [toAedes] = parser.listeners('packet')
  parser.removeAllListeners('packet')
  parser.on('packet', (packet: InboundPacket) => {
    if (!client.closed && !take(packet)) toAedes?.call(parser, packet)
  })
}

/** While its messages wait for the log, a client whose PINGREQ waits behind them is alive. */
export const refreshKeepAlive = (client: Client): void => {
  internals(client)._keepaliveTimer?.refresh()
}

/** Hands over what comes in as it comes: Aedes reads again when a packet of its own is done, here a client is read until it is stopped. */
export const readFreely = (client: Client, take: (chunk: Buffer) => void): void => {
  const inner = internals(client)
  client.conn.removeListener('readable', inner._nextBatch)
  // Its own reading rests for good, and CONNECT is the first packet under way.
  inner.pause()
  inner._parsingBatch = 0
  client.conn.on('data', take)
  client.conn.resume()
}

type Guest = { readonly id: string; readonly keepAliveSeconds: number }

/**
 * What Aedes does at the end of a CONNECT, for a session that is clean and has no will: told here in a few lines, since its own way there
 * costs half of all that a sign-in does, for streams and promises that find nothing.
 */
export const welcome = (broker: Aedes, client: Client, { id, keepAliveSeconds }: Guest): void => {
  const inner = internals(client)
  if (inner._connectTimer) clearTimeout(inner._connectTimer)
  inner._connectTimer = null
  inner._parser._queue = null
  inner.id = id
  inner.version = 4
  inner._authorized = true
  inner.connected = true
  // [MQTT-3.1.2-24]
  inner._keepaliveInterval = keepAliveSeconds * 1_500
  inner._keepaliveTimer = setTimeout(
    () => client.emit('error', new Error('keep alive timeout')),
    inner._keepaliveInterval,
  )
  ;(broker as unknown as { registerClient: (client: Client) => void }).registerClient(client)
  say(client, connackBytes(0))
  inner.connackSent = true
}

type Stop = 'inflight' | 'own bytes' | 'pressure' | 'rate' | 'turn' | 'unparsed'
const stops = new WeakMap<Client, Set<Stop>>()

export const stopReading = (client: Client, why: Stop): void => {
  stops.set(client, (stops.get(client) ?? new Set()).add(why))
  client.conn.pause()
}

export const isStopped = (client: Client, why: Stop): boolean =>
  stops.get(client)?.has(why) ?? false

/** Once nothing else stops it. */
export const goOnReading = (client: Client, why: Stop): void => {
  const reasons = stops.get(client)
  if (!reasons?.delete(why) || reasons.size > 0) return
  stops.delete(client)
  client.conn.resume()
}

const nothing = Buffer.alloc(0)

/** Its turn came: what it had sent already is met, and only once nothing of that is left it is read on. */
export const itsTurn = (client: Client): void => {
  if (!stops.get(client)?.delete('turn')) return
  if (!client.closed) internals(client)._parser.parse(nothing)
  if (isStopped(client, 'turn')) return
  stopReading(client, 'turn')
  goOnReading(client, 'turn')
}

/** Ends a client at once, without its will. */
export const cut = (client: Client): void => {
  const inner = internals(client)
  inner.will = null
  inner._will = null
  client.conn.destroy()
  client.close()
}

/** Writes to a client. Whoever does not read is cut: in time, and before what waits for it fills the memory. */
export const say = (client: Client, bytes: Buffer): void => {
  if (!client.conn.write(bytes)) internals(client).waitForDrain(() => {})
  if (client.conn.writableLength > mqttUnreadBytesMax) cut(client)
}

import type { AedesPublishPacket, Client } from 'aedes'
import { mqttUnreadBytesMax } from '../../protocol/limits.ts'

/** A PUBLISH as the parser yields it. */
export type InboundPublish = AedesPublishPacket & { readonly messageId?: number }

/** Any packet as the parser yields it: its kind, and whatever belongs to that. */
export type InboundPacket = { readonly cmd: string }

/** What of Aedes 1.2.0's clients is used beyond its types. That version is pinned, and tests hold it to this. */
type Internals = {
  id: string
  _will: unknown
  will: unknown
  readonly _keepaliveTimer: NodeJS.Timeout | null
  readonly _authorized: boolean
  readonly _nextBatch: () => void
  _parsingBatch: number
  readonly pause: () => void
  readonly waitForDrain: (done: () => void) => void
  readonly _parser: NodeJS.EventEmitter & {
    parse: (chunk: Buffer) => void
    _parseLength: () => boolean
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
}

type Stop = 'inflight' | 'own bytes' | 'pressure' | 'rate' | 'unparsed'
const stops = new WeakMap<Client, Set<Stop>>()

export const stopReading = (client: Client, why: Stop): void => {
  stops.set(client, (stops.get(client) ?? new Set()).add(why))
  client.conn.pause()
}

/** Once nothing else stops it. */
export const goOnReading = (client: Client, why: Stop): void => {
  const reasons = stops.get(client)
  if (!reasons?.delete(why) || reasons.size > 0) return
  stops.delete(client)
  client.conn.resume()
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

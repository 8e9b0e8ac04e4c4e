import type { AedesPublishPacket, Client } from 'aedes'

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
  _parsingBatch: number
  readonly pause: () => void
  readonly resume: () => void
  readonly _parser: NodeJS.EventEmitter & {
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
 * Shows every packet to `take` before Aedes sees it; what it takes, Aedes never sees. Such packets cost no read credit either:
 * Aedes stops reading a client whose packets are under way, and a PINGREQ behind them would wait.
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

export const stopReading = (client: Client): void => internals(client).pause()

export const goOnReading = (client: Client): void => {
  // A packet that ended while the client was paused gave no credit back.
  internals(client)._parsingBatch = 0
  internals(client).resume()
}

/** Ends a client at once, without its will. */
export const cut = (client: Client): void => {
  const inner = internals(client)
  inner.will = null
  inner._will = null
  client.conn.destroy()
  client.close()
}

import type { Client } from 'aedes'

/** What of Aedes 1.2.0's clients is used beyond its types. That version is pinned, and tests hold it to this. */
type Internals = {
  id: string
  _will: unknown
  will: unknown
  _keepaliveInterval: number
  readonly _keepaliveTimer: NodeJS.Timeout | null
  readonly _authorized: boolean
  readonly _parser: {
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

/** While its messages wait for the log, a client whose PINGREQ waits behind them is alive. */
export const refreshKeepAlive = (client: Client): void => {
  internals(client)._keepaliveTimer?.refresh()
}

/** Ends a client at once, without its will. */
export const cut = (client: Client): void => {
  const inner = internals(client)
  inner.will = null
  inner._will = null
  client.conn.destroy()
  client.close()
}

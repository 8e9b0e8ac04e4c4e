import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/** TLS and WebSocket have an end of their own to say. */
const isPlain = (conn: Duplex): conn is Socket =>
  conn instanceof Socket && !(conn instanceof TLSSocket)

/**
 * Tells connections something and ends them. What is written to a plain socket is the kernel's at once and goes out before the end, so that
 * in the next turn it is only closed: the end of a stream by its rules costs more than all else about a CONNECT of garbage.
 */
export class LastWords {
  #told: Socket[] = []

  say(conn: Duplex, bytes: Buffer): void {
    if (conn.destroyed) return
    if (!isPlain(conn)) {
      conn.end(bytes, () => conn.destroy())
      return
    }
    conn.write(bytes)
    if (this.#told.length === 0) setImmediate(() => this.#close())
    this.#told.push(conn)
  }

  #close(): void {
    const told = this.#told
    this.#told = []
    for (const socket of told) {
      if (socket.writableLength === 0) socket.destroy()
      else socket.destroySoon()
    }
  }
}

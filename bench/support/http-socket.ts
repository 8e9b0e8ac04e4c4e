import { connect, type Socket } from 'node:net'

/** HTTP/1.1 by hand over raw sockets: just what a load generator needs. */

/** The bytes of the first whole response, or 0. It has a `Content-Length`, or no body. */
export const responseLength = (bytes: Buffer): number => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return 0
  const length = /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1]
  const whole = end + 4 + Number(length ?? 0)
  return bytes.length >= whole ? whole : 0
}

export const statusOf = (response: Buffer): number => Number(response.toString('latin1', 9, 12))

export const bodyOf = (response: Buffer): string =>
  response.toString('utf8', response.indexOf('\r\n\r\n') + 4)

type Waiting = { readonly done: (response: Buffer) => void; readonly fail: (why: Error) => void }

/** Connections that stay open, one request at a time on each; a new one where none is free. */
export class HttpSockets {
  readonly #port: number
  readonly #free: Socket[] = []
  readonly #waiting = new Map<Socket, Waiting>()

  constructor(port: number) {
    this.#port = port
  }

  send(request: string): Promise<Buffer> {
    const socket = this.#free.pop() ?? this.#open()
    return new Promise((done, fail) => {
      this.#waiting.set(socket, { done, fail })
      socket.write(request)
    })
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      const length = responseLength(rest)
      if (length === 0) return
      const response = rest.subarray(0, length)
      rest = rest.subarray(length)
      const waiting = this.#waiting.get(socket)
      this.#waiting.delete(socket)
      this.#free.push(socket)
      waiting?.done(response)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      const at = this.#free.indexOf(socket)
      if (at >= 0) this.#free.splice(at, 1)
      this.#waiting.get(socket)?.fail(new Error('the connection was closed'))
      this.#waiting.delete(socket)
    })
    return socket
  }
}

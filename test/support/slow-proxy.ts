import { connect, createServer, type Socket } from 'node:net'

export type SlowProxy = {
  readonly port: number
  /** Milliseconds that each piece takes, in each direction; `Infinity`: nothing passes any more. */
  delayMs: number
  /** Ends every connection and takes no more. */
  readonly close: () => Promise<void>
}

/** A TCP connection through which everything comes late, in its order. */
export const slowProxy = async (to: { host: string; port: number }): Promise<SlowProxy> => {
  const sockets = new Set<Socket>()
  const proxy = { delayMs: 0 }
  const pass = (from: Socket, into: Socket): void => {
    from.on('data', (bytes) => {
      if (proxy.delayMs === 0) into.write(bytes)
      else if (proxy.delayMs !== Number.POSITIVE_INFINITY)
        setTimeout(() => into.write(bytes), proxy.delayMs)
    })
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      into.destroy()
    })
    sockets.add(from)
  }
  const server = createServer((near) => {
    const far = connect(to)
    pass(near, far)
    pass(far, near)
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
  return Object.assign(proxy, {
    port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

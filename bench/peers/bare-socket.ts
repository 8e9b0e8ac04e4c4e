import { createServer, type Socket } from 'node:net'

/** What a connection costs in Node alone: accepted, read once, told a CONNACK, kept. */
const sockets = new Set<Socket>()
const server = createServer({ noDelay: true }, (socket) => {
  sockets.add(socket)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => sockets.delete(socket))
  socket.on('data', () => socket.write(Buffer.from([0x20, 2, 0, 0])))
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address()
  console.log(`ready ${typeof address === 'object' ? address?.port : ''}`)
})

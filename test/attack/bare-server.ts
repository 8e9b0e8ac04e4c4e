import { createServer } from 'node:net'

// What a socket costs that is accepted, read once, told a CONNACK and closed, when nobody looks at what it said.
const refusal = Buffer.from([0x20, 2, 0, 4])
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.once('data', () => socket.end(refusal, () => socket.destroy()))
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})

import { createServer } from 'node:net'
import { Aedes } from 'aedes'

/** Aedes as it comes: everybody may connect and publish, nothing is stored. */
const broker = await Aedes.createBroker({ queueLimit: 1_000 })
const server = createServer({ noDelay: true }, broker.handle)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(`ready ${typeof address === 'object' ? address?.port : ''}`)
})

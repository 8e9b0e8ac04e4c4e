import { createServer } from 'node:net'
import { Aedes } from 'aedes'

// A stock broker that refuses the filters of others as its manual shows, to see that the attacks are some.
const foreign: ReadonlySet<string> = new Set(['#', 'v1/devices/+/heartbeat', '+/+/+/down/#'])
const broker = await Aedes.createBroker({
  authorizeSubscribe: (_client, subscription, callback) =>
    callback(null, foreign.has(subscription.topic) ? null : subscription),
})
const server = createServer((socket) => broker.handle(socket))
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})

import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Aedes } from 'aedes'

// A stock broker that refuses the filters of others as its manual shows, to see that the attacks are some. Like Lapel it asks a store who
// somebody is, and stores what is published before it is acknowledged;
// that store stands still when it is told to.
const foreign: ReadonlySet<string> = new Set(['#', 'v1/devices/+/heartbeat', '+/+/+/down/#'])
const lookUpMs = 5_000
let store = Promise.resolve()
let goOn = (): void => {}
process.on('message', (word) => {
  goOn()
  if (word === 'stand still') {
    const { promise, resolve } = Promise.withResolvers<void>()
    store = promise
    goOn = resolve
  }
  process.send?.('met')
})

const broker = await Aedes.createBroker({
  // Only what looks like a token has to be looked up.
  authenticate: (_client, _username, password, callback) => {
    const isToken = String(password).startsWith('dtok_') && String(password).length > 20
    void delay(isToken ? lookUpMs : 0).then(() => callback(null, true))
  },
  authorizeSubscribe: (_client, subscription, callback) =>
    callback(null, foreign.has(subscription.topic) ? null : subscription),
  authorizePublish: (_client, _packet, callback) => void store.then(() => callback(null)),
})
const server = createServer((socket) => broker.handle(socket))
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})

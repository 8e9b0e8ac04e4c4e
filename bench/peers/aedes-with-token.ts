import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { parseToken, tokenHmac } from '../../protocol/tokens.ts'

/** Aedes that checks the form and the HMAC of a token, and knows every one of them; nothing is stored. */
const pepper = new Uint8Array(32)
const broker = await Aedes.createBroker({
  queueLimit: 1_000,
  authenticate: (_client, _username, password, callback) => {
    const token = parseToken(password?.toString() ?? '')
    callback(null, token !== undefined && tokenHmac(token, pepper).length > 0)
  },
})
const server = createServer({ noDelay: true }, broker.handle)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address()
  console.log(`ready ${typeof address === 'object' ? address?.port : ''}`)
})

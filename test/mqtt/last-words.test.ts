import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LastWords } from '../../src/mqtt/last-words.ts'
import { until } from '../support/until.ts'

const test = suite('the last words to a connection')
const words = Buffer.from([0x20, 2, 0, 4])

const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('each of many plain sockets hears them and an end, and nothing of them stays open', async () => {
  const lastWords = new LastWords()
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.once('data', () => lastWords.say(socket, words))
  })
  const port = await listening(server)
  const heard = await Promise.all(
    Array.from({ length: 100 }, () => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.write('hello')
      return buffer(socket)
    }),
  )
  for (const bytes of heard) assert.equal(bytes, words)
  await until(() => open.size === 0, { what: 'no socket' })
  server.close()
})

test('over TLS the end is said by the rules of TLS', async () => {
  const lastWords = new LastWords()
  const pem = (end: string) => readFileSync(new URL(`../support/tls/first.${end}`, import.meta.url))
  const server = createTlsServer({ cert: pem('crt'), key: pem('key') }, (socket) => {
    socket.on('error', () => socket.destroy())
    lastWords.say(socket, words)
  })
  const port = await listening(server)
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  assert.equal(await buffer(socket), words)
  server.close()
})

test('any other stream is ended once it has taken them; whoever is gone hears nothing', async () => {
  const lastWords = new LastWords()
  const conn = new PassThrough()
  lastWords.say(conn, words)
  assert.ok(conn.writableEnded)
  assert.equal(await once(conn, 'data'), [words])
  await until(() => conn.destroyed, { what: 'the end' })
  conn.on('error', assert.unreachable)
  lastWords.say(conn, words)
  await turn()
})

test.run()

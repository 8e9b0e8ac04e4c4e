import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { superviseChild } from '../../src/embedded/child-process.ts'
import { startEventStore } from '../../src/embedded/event-store/server.ts'
import { keepLog } from '../support/keep-log.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { run } from './running.ts'

const vanished = suite('clients that vanish')

const client = (url: string) => `
  import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
  import shared from '@eventstore/db-client/generated/shared_pb.js'
  import streams from '@eventstore/db-client/generated/streams_pb.js'
  import { connectStore } from '${new URL('../../src/embedded/event-store-copy/connect.ts', import.meta.url)}'
  const client = EventStoreDBClient.connectionString('${url}')
  let live = 0
  for (let i = 0; i < 50; i += 1)
    client.subscribeToAll().on('caughtUp', () => { live += 1; if (live === 50) console.log('ready') }).on('error', () => {})
  const raw = await connectStore('${url}')
  const half = new streams.AppendReq().setOptions(new streams.AppendReq.Options()
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from('half'))).setAny(new shared.Empty()))
  raw.streams.append(raw.metadata, () => {}).write(half)
  const append = () => client.appendToStream('busy', jsonEvent({ type: 'a', data: {} })).then(append)
  append()`

vanished('killed in the middle of everything, a client leaves nothing behind', async () => {
  const folder = await temporaryFolder()
  const server = await run(folder.path)
  const held = async () => (await readdir(`/proc/${server.child.pid}/fd`)).length
  const before = await held()
  const other = await superviseChild({
    name: 'client',
    command: process.execPath,
    args: ['--input-type=module', '-e', client(server.url)],
    readyLine: /^ready/,
    log: keepLog().log,
    restart: 'never',
  })
  assert.ok((await held()) > before)
  process.kill(other.pid() ?? 0, 'SIGKILL')
  await other.exited
  await until(async () => (await held()) <= before, { what: 'the end of its connections' })
  const own = EventStoreDBClient.connectionString(server.url)
  const { nextExpectedRevision } = await own.appendToStream(
    'half',
    jsonEvent({ type: 'a', data: {} }),
  )
  assert.is(nextExpectedRevision, 0n)
  await own.dispose()
  await server.end('SIGTERM')
  await folder.remove()
})

/** A way to a port that can fall silent: neither side hears of an end. */
const silentWay = async (port: number) => {
  const pairs: { readonly near: Socket; readonly far: Socket }[] = []
  const listener = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    pairs.push({ near, far })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const)
      from.on('error', () => {}).on('data', (bytes) => isSilent || to.write(bytes))
  })
  let isSilent = false
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    far: () => pairs.map(({ far }) => far),
    fallSilent: () => {
      isSilent = true
    },
    close: () => {
      for (const { near, far } of pairs) {
        near.destroy()
        far.destroy()
      }
      listener.close()
    },
  }
}

vanished('without a word, as when its machine loses its power, a client is let go', async () => {
  const folder = await temporaryFolder()
  const server = await startEventStore({
    dataDir: folder.path,
    host: '127.0.0.1',
    port: 0,
    now: Date.now,
    onBroken: (error) => assert.unreachable(String(error)),
    keepAliveMs: 300,
  })
  const way = await silentWay(server.port)
  const away = EventStoreDBClient.connectionString(`esdb://127.0.0.1:${way.port}?tls=false`)
  const subscription = away.subscribeToAll()
  subscription.on('data', () => {}).on('error', () => {})
  await once(subscription, 'caughtUp')
  const ended = Promise.all(way.far().map((socket) => once(socket, 'close')))
  way.fallSilent()
  await ended
  way.close()
  await away.dispose()
  await server.close()
  await folder.remove()
})

vanished.run()

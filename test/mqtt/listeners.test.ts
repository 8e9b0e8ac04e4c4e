import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type { Client } from 'aedes'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mqttBacklogMax, mqttSignInsMax } from '../../protocol/limits.ts'
import { mintToken } from '../../protocol/tokens.ts'
import { createConnections } from '../../src/mqtt/connection.ts'
import { openListeners } from '../../src/mqtt/listeners.ts'
import { createConnect } from '../../src/mqtt/on-connect.ts'
import type { BrokerDeps } from '../../src/mqtt/ports.ts'
import { overTcp } from '../../src/mqtt/transports.ts'
import { keepLog } from '../support/keep-log.ts'
import { connackOf, connectWith } from '../support/raw-mqtt.ts'

const test = suite('where devices come in')

/** Opens so many sockets at once; prints how many handshakes are over once no more came for a second. */
const program = `
const { connect } = require('node:net')
const [port, count] = process.argv.slice(1).map(Number)
let connected = 0
let timer
const quiet = () => { clearTimeout(timer); timer = setTimeout(() => { console.log(connected); process.exit() }, 1000) }
for (let i = 0; i < count; i += 1)
  connect(port, '127.0.0.1', () => { connected += 1; quiet() }).on('error', () => {})
quiet()
`

test('a storm of handshakes waits in the kernel while the node is busy, and is not dropped', async () => {
  const storm = 1_500
  assert.ok(storm < mqttBacklogMax)
  const listeners = await openListeners([{ host: '127.0.0.1', port: 0, transport: overTcp }], {
    log: keepLog().log,
    meter: { count: () => {}, observe: () => {} },
    isProxied: false,
    mayCall: () => true,
    onCaller: () => {},
  })
  const child = spawn(process.execPath, ['-e', program, `${listeners.ports[0]}`, `${storm}`])
  // Nobody accepts for so long: what Node's usual 511 leaves out tries again meanwhile, and in vain.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12_000)
  const [line] = await once(child.stdout, 'data')
  assert.is(Number(String(line)), storm)
  listeners.destroyAll()
  await listeners.close()
})

test('so many sign in at once and not one more; whoever is done or gone makes room', () => {
  const deps = { rates: { device: 0, project: 0, liveNodes: () => 1 } } as unknown as BrokerDeps
  const { mayArrive, arrive } = createConnect(deps, createConnections())
  const conns = Array.from({ length: mqttSignInsMax }, () => new PassThrough())
  for (const conn of conns) {
    assert.ok(mayArrive())
    arrive({ conn } as unknown as Client, { remote: '', will: undefined })
  }
  assert.not.ok(mayArrive())
  conns[0]?.emit('close')
  assert.ok(mayArrive())
})

test('who comes past that is told to come back', async () => {
  let isFull = true
  const listeners = await openListeners([{ host: '127.0.0.1', port: 0, transport: overTcp }], {
    log: keepLog().log,
    meter: { count: () => {}, observe: () => {} },
    isProxied: false,
    mayCall: () => !isFull,
    onCaller: ({ conn }) => conn.end(Buffer.from([0x20, 2, 0, 0])),
  })
  const port = listeners.ports[0] ?? 0
  const { text } = mintToken('dtok', randomBytes)
  assert.is(await connackOf(port, connectWith(text)), 3)
  isFull = false
  assert.is(await connackOf(port, connectWith(text)), 0)
  listeners.destroyAll()
  await listeners.close()
})

test.run()

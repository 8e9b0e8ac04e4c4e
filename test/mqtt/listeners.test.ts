import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mqttBacklogMax, mqttReadAheadBytesMax, mqttSignInsMax } from '../../protocol/limits.ts'
import { mintToken } from '../../protocol/tokens.ts'
import type { OpenOutcome } from '../../src/auth/ports.ts'
import type { ConnectPacket } from '../../src/mqtt/connect-packet.ts'
import { openListeners } from '../../src/mqtt/listeners.ts'
import { createSignIns } from '../../src/mqtt/on-connect.ts'
import type { BrokerDeps } from '../../src/mqtt/ports.ts'
import { Rests } from '../../src/mqtt/rests.ts'
import { overTcp } from '../../src/mqtt/transports.ts'
import { keepLog } from '../support/keep-log.ts'
import { connackOf, connectWith, rawMqtt } from '../support/raw-mqtt.ts'
import { until } from '../support/until.ts'

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

test('so many sign in at once and not one more; whoever is done or gone makes room', async () => {
  const outcomes: ((outcome: OpenOutcome) => void)[] = []
  const openSession = () => new Promise<OpenOutcome>((resolve) => outcomes.push(resolve))
  const deps = { auth: { openSession }, monotonic: () => 0 } as unknown as BrokerDeps
  const { mayArrive, arrive } = createSignIns(deps, new Rests(deps.monotonic), () => () => {})
  const codes: number[] = []
  const callers = Array.from({ length: mqttSignInsMax }, () => ({
    conn: new PassThrough(),
    remote: '',
    packet: { password: '' } as ConnectPacket,
    rest: Buffer.alloc(0),
    refuse: (code: number) => void codes.push(code),
  }))
  for (const caller of callers) {
    assert.ok(mayArrive())
    arrive(caller)
  }
  assert.not.ok(mayArrive())
  callers[0]?.conn.emit('close')
  assert.ok(mayArrive())
  const [caller] = callers
  if (caller) arrive(caller)
  assert.not.ok(mayArrive())
  outcomes[1]?.({ kind: 'dead' })
  await until(() => mayArrive(), { what: 'room' })
  assert.equal(codes, [5])
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

test('of who is not read on so much is taken, and the rest stays in the kernel until it is', async () => {
  const met: Socket[] = []
  const listeners = await openListeners([{ host: '127.0.0.1', port: 0, transport: overTcp }], {
    log: keepLog().log,
    meter: { count: () => {}, observe: () => {} },
    isProxied: false,
    mayCall: () => met.length === 0,
    onCaller: ({ conn }) => met.push(conn as Socket),
  })
  const port = listeners.ports[0] ?? 0
  const packet = connectWith(mintToken('dtok', randomBytes).text)
  const raw = rawMqtt(port)
  raw.send(packet)
  const conn = await until(() => met[0], { what: 'the caller' })
  const said = conn.bytesRead
  const half = Buffer.alloc(mqttReadAheadBytesMax / 2)
  for (const pieces of [1, 2]) {
    raw.write(half)
    await until(() => conn.bytesRead === said + pieces * half.length, { what: `${pieces}` })
  }
  raw.write(Buffer.alloc(1))
  // Whoever comes behind is met, and it is not.
  assert.is(await connackOf(port, packet), 3)
  assert.is(conn.bytesRead, said + mqttReadAheadBytesMax)
  conn.resume()
  await until(() => conn.bytesRead === said + mqttReadAheadBytesMax + 1, { what: 'the rest' })
  raw.end()
  listeners.destroyAll()
  await listeners.close()
})

test.run()

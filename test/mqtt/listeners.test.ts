import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mqttBacklogMax } from '../../protocol/limits.ts'
import { openListeners } from '../../src/mqtt/listeners.ts'
import { overTcp } from '../../src/mqtt/transports.ts'
import { keepLog } from '../support/keep-log.ts'

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

test.run()

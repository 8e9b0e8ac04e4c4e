import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { childStartAttemptsMax } from '../../protocol/limits.ts'
import { ChildNotReady, superviseChild } from '../../src/embedded/child-process.ts'
import { keepLog } from '../support/keep-log.ts'
import { isRunning } from '../support/process-state.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const test = suite('child-process')

const backoff = { firstMs: 10, msMax: 40 }
const fastStop = { stopMsMax: 300 }

/** A child of Node source; `serve` keeps it until its standard input ends. */
const node = (source: string) => ({
  name: 'sample',
  command: process.execPath,
  args: [
    '-e',
    `const serve = () => process.stdin.on('end', () => process.exit(0)).resume();${source}`,
  ],
  readyLine: /^ready (\S+)/,
  log: keepLog().log,
  backoff,
})

test('resolves with the ready line and stops in order', async () => {
  const exits: unknown[] = []
  const child = await superviseChild({
    ...node(
      `process.on('SIGTERM', () => process.exit(0)); serve(); console.log('hello'); console.log('ready at:1')`,
    ),
    onExit: (exit) => exits.push(exit),
  })
  assert.is(child.ready[1], 'at:1')
  const pid = child.pid()
  assert.type(pid, 'number')
  await Promise.all([child.stop(), child.stop()])
  assert.equal(await child.exited, { code: 0, signal: null })
  assert.equal(exits, [{ code: 0, signal: null }])
  assert.is(child.pid(), undefined)
})

const refusal = async (starting: Promise<unknown>): Promise<ChildNotReady> => {
  const error = await starting.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof ChildNotReady) return error
  throw new Error(`expected ChildNotReady, got ${String(error)}`)
}

test('a child that ends before it is ready is told with its last words', async () => {
  const error = await refusal(
    superviseChild(node(`console.error('port 1 is taken'); process.exitCode = 3`)),
  )
  assert.match(error.message, /sample ended with code 3 before it was ready/)
  assert.match(error.message, /port 1 is taken/)
  assert.equal(error.exit, { code: 3, signal: null })
})

/** Killed from outside at each start but the last: it counts its starts in a file, one byte each. */
const killedAtStart = (times: number, file: string) =>
  `const fs = require('node:fs'); fs.appendFileSync('${file}', '.');
   if (fs.readFileSync('${file}').length > ${times}) { console.log('ready x'); serve() }
   else process.kill(process.pid, 'SIGKILL')`

test('a child that is killed before it is ready is started again, so many times and no more', async () => {
  const folder = await temporaryFolder()
  const { lines, log } = keepLog()
  const [some, all] = [join(folder.path, 'some'), join(folder.path, 'all')]
  const child = await superviseChild({
    ...node(killedAtStart(childStartAttemptsMax - 1, some)),
    log,
  })
  const again = lines.filter(({ message }) => message === 'child was killed: starting it again')
  assert.is(again.length, childStartAttemptsMax - 1)
  await child.stop()
  const error = await refusal(superviseChild(node(killedAtStart(childStartAttemptsMax, all))))
  assert.match(error.message, /sample was ended by SIGKILL before it was ready/)
  assert.is((await readFile(all)).length, childStartAttemptsMax)
  await folder.remove()
})

test('restart never: a child that is killed before it is ready is told at once', async () => {
  const folder = await temporaryFolder()
  const file = join(folder.path, 'starts')
  await refusal(superviseChild({ ...node(killedAtStart(1, file)), restart: 'never' }))
  assert.is((await readFile(file)).length, 1)
  await folder.remove()
})

test('a command that does not exist is told', async () => {
  const error = await refusal(superviseChild({ ...node(''), command: '/nonexistent/program' }))
  assert.match(error.message, /did not start/)
  assert.match(error.message, /ENOENT/)
})

test('a child that is not ready in time is killed with its group', async () => {
  const error = await refusal(
    superviseChild({
      ...node(
        `const { spawn } = require('node:child_process');
         const inner = spawn('sleep', ['100']);
         process.on('SIGTERM', () => {}); console.error('inner', inner.pid); serve(); process.stdin.removeAllListeners('end'); setInterval(() => {}, 1000)`,
      ),
      readyMsMax: 500,
      ...fastStop,
    }),
  )
  assert.match(error.message, /sample was not ready \(late\)/)
  const inner = Number(/inner (\d+)/.exec(error.message)?.[1])
  await until(() => !isRunning(inner), { what: 'the end of the inner process' })
})

test('a child that dies is started again, with the same arguments', async () => {
  const exits: unknown[] = []
  const child = await superviseChild({
    ...node(`console.log('ready ' + process.pid); serve()`),
    onExit: (exit) => exits.push(exit),
  })
  const first = child.pid()
  if (first === undefined) throw new Error('no pid')
  process.kill(first, 'SIGKILL')
  const second = await until(() => child.pid() !== first && child.pid(), { what: 'the next start' })
  assert.equal(exits, [{ code: null, signal: 'SIGKILL' }])
  process.kill(second, 'SIGKILL')
  await until(() => child.pid() !== second && child.pid(), { what: 'the start after that' })
  await child.stop()
})

test('restart never: it stays down', async () => {
  const child = await superviseChild({
    ...node(`console.log('ready x'); serve()`),
    restart: 'never',
  })
  process.kill(child.pid() ?? 0, 'SIGKILL')
  assert.equal(await child.exited, { code: null, signal: 'SIGKILL' })
  assert.is(child.pid(), undefined)
  await child.stop()
})

test('stop ends the back-off of a child that cannot start again', async () => {
  const folder = await temporaryFolder()
  const { lines, log } = keepLog()
  const child = await superviseChild({
    ...node(
      `const fs = require('node:fs'); const flag = process.env.FLAG;
       if (fs.existsSync(flag)) { console.error('no more'); process.exit(1) }
       fs.writeFileSync(flag, ''); console.log('ready x'); serve()`,
    ),
    env: { FLAG: `${folder.path}/flag` },
    log,
  })
  process.kill(child.pid() ?? 0, 'SIGKILL')
  const failures = () => lines.filter(({ message }) => message === 'child did not start').length
  await until(() => failures() >= 3, { what: 'three failed starts' })
  await child.stop()
  const after = failures()
  assert.ok(after >= 3)
  await folder.remove()
  assert.equal(await child.exited, { code: null, signal: 'SIGKILL' })
})

test('a child that ignores SIGTERM is killed past the limit', async () => {
  const child = await superviseChild({
    ...node(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready x')`),
    ...fastStop,
  })
  await child.stop()
  assert.equal(await child.exited, { code: null, signal: 'SIGKILL' })
})

test('a kill -9 of the parent ends the child', async () => {
  const file = new URL('../../src/embedded/child-process.ts', import.meta.url).href
  const parent = await superviseChild({
    ...node(''),
    args: [
      '--input-type=module',
      '-e',
      `import { superviseChild } from '${file}'
       const log = { debug() {}, info() {}, warn() {}, error() {} }
       const child = await superviseChild({ name: 'inner', command: process.execPath, log, readyLine: /^ready/,
         args: ['-e', "process.stdin.on('end', () => process.exit(0)).resume(); console.log('ready')"] })
       console.log('ready ' + child.pid())`,
    ],
    restart: 'never',
  })
  const inner = Number(parent.ready[1])
  assert.ok(isRunning(inner))
  process.kill(parent.pid() ?? 0, 'SIGKILL')
  await until(() => !isRunning(inner), { what: 'the end of the inner child' })
})

test.run()

import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keptPortMax } from '../../protocol/limits.ts'
import { freePort, isPortFree, keptPort } from '../../src/embedded/kept-port.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const test = suite('kept-port')

const folder = await temporaryFolder()
test.after(folder.remove)

test('the same port while it is free, another when it is taken', async () => {
  const file = join(folder.path, 'port')
  const port = await keptPort(file)
  assert.is(await keptPort(file), port)
  const taker = createServer()
  await new Promise<void>((done) => taker.listen(port, '127.0.0.1', done))
  assert.not(await isPortFree(port))
  const other = await keptPort(file)
  assert.is.not(other, port)
  assert.is(Number(await readFile(file, 'utf8')), other)
  await new Promise((done) => taker.close(done))
  assert.ok(await isPortFree(port))
})

test('a file that holds no port is written anew', async () => {
  const file = join(folder.path, 'spoiled')
  for (const text of ['', 'x', '0', '80', '65536', '1.5']) {
    await writeFile(file, text)
    const port = await keptPort(file)
    assert.is(Number(await readFile(file, 'utf8')), port, text)
  }
})

test('below every ephemeral range', async () => {
  for (let count = 0; count < 20; count += 1) {
    const port = await freePort()
    assert.ok(port >= 15_000 && port < keptPortMax)
  }
})

test.run()

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { objectStoreHeadsMax } from '../../protocol/limits-recordings.ts'
import { ObjectStoreUnavailable } from '../../src/store/object-store.ts'
import { openS3 } from '../../src/store/s3.ts'

const test = suite('the question for one object')

/** A store that answers as it is told, and what it was asked. */
const answering = async (listener: RequestListener) => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${port}`
  const objects = openS3({
    endpoint,
    publicEndpoint: endpoint,
    bucket: 'b',
    region: 'us-east-1',
    accessKeyId: 'AKID',
    secretAccessKey: 'secret',
    now: Date.now,
  })
  const close = () => {
    objects.close()
    server.closeAllConnections()
    server.close()
  }
  return { ask: () => objects.head('a/1'), close }
}

const failing = (times: number) => {
  let asked = 0
  return {
    asked: () => asked,
    listener: ((_, response) => {
      asked += 1
      response.writeHead(asked > times ? 200 : 503, { 'content-length': '7', etag: '"e"' }).end()
    }) satisfies RequestListener,
  }
}

test('a store that has too much to do is asked again, so often and no more', async () => {
  for (const times of [objectStoreHeadsMax - 1, objectStoreHeadsMax]) {
    const { asked, listener } = failing(times)
    const { ask, close } = await answering(listener)
    const found = await ask().catch((error: unknown) => error)
    if (times < objectStoreHeadsMax) assert.equal(found, { bytes: 7, etag: '"e"' })
    else assert.instance(found, ObjectStoreUnavailable)
    assert.is(asked(), objectStoreHeadsMax)
    close()
  }
})

test('a connection that broke while it rested is no fault', async () => {
  let asked = 0
  const { ask, close } = await answering((request, response) => {
    asked += 1
    if (asked === 2) request.socket.destroy()
    else response.writeHead(200, { 'content-length': '7', etag: '"e"' }).end()
  })
  assert.is((await ask())?.bytes, 7)
  assert.is((await ask())?.bytes, 7)
  close()
})

test('of the checksums one over the whole object counts', async () => {
  const whole = Buffer.alloc(32, 1).toString('base64')
  const sums = [whole, `${whole}-3`]
  const { ask, close } = await answering((_, response) => {
    const sum = sums.shift() ?? ''
    response.writeHead(200, { 'content-length': '7', 'x-amz-checksum-sha256': sum }).end()
  })
  assert.is((await ask())?.sha256, '01'.repeat(32))
  assert.is((await ask())?.sha256, undefined)
  close()
})

test.run()

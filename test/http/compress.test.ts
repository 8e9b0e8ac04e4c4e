import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plainReplyBytesMax } from '../../protocol/limits.ts'
import { acceptsGzip } from '../../src/http/compress.ts'
import { serve } from './served.ts'

const test = suite('compression of replies')
const served = await serve()

type Raw = { headers: Record<string, string | string[] | undefined>; bytes: Buffer }

/** As it came over the wire: fetch would unpack it. */
const raw = (path: string, acceptEncoding: string, method = 'GET'): Promise<Raw> =>
  new Promise((resolve, reject) => {
    const headers = { 'accept-encoding': acceptEncoding }
    const asked = request(`${served.url}${path}`, { method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ headers: response.headers, bytes: Buffer.concat(chunks) }))
    })
    asked.on('error', reject).end()
  })

test('a large one is packed for who takes it, and is the same', async () => {
  const plain = await raw('/openapi.json', 'identity')
  const packed = await raw('/openapi.json', 'gzip, deflate, br')
  assert.equal(
    [plain.headers['content-encoding'], packed.headers['content-encoding']],
    [undefined, 'gzip'],
  )
  assert.ok(gunzipSync(packed.bytes).equals(plain.bytes))
  assert.ok(packed.bytes.length * 4 < plain.bytes.length)
  assert.equal(
    [plain.headers['vary'], packed.headers['vary']],
    ['Accept-Encoding', 'Accept-Encoding'],
  )
  assert.is(packed.headers['etag'], `W/${plain.headers['etag']}`)
  assert.is(packed.headers['content-type'], 'application/json; charset=utf-8')
  assert.is(Number(packed.headers['content-length']), packed.bytes.length)
  const head = await raw('/openapi.json', 'gzip', 'HEAD')
  assert.equal(
    [head.bytes.length, head.headers['content-encoding'], head.headers['content-length']],
    [0, 'gzip', packed.headers['content-length']],
  )
})

test('the weak tag is known again', async () => {
  const { headers } = await raw('/openapi.json', 'gzip')
  const again = await fetch(`${served.url}/openapi.json`, {
    headers: { 'if-none-match': String(headers['etag']) },
  })
  assert.is(again.status, 304)
})

test('at the limit it is sent as it is, one past it packed', async () => {
  const bodyOf = (bytes: number) => ({ text: async () => 'x'.repeat(bytes) })
  for (const [bytes, encoding] of [
    [plainReplyBytesMax, undefined],
    [plainReplyBytesMax + 1, 'gzip'],
  ] as const) {
    const beside = await served.beside({ metrics: bodyOf(bytes) })
    const { headers } = await fetch(`${beside.url}/metrics`)
    assert.is(headers.get('content-encoding') ?? undefined, encoding, `${bytes}`)
    await beside.http.close()
  }
})

test('who takes gzip', () => {
  for (const header of ['gzip', 'br, GZIP;q=0.2', '*', 'gzip ; q=1'])
    assert.ok(acceptsGzip(header), header)
  for (const header of [undefined, '', 'br', 'gzip;q=0', 'gzip;q=0, *', 'identity'])
    assert.not.ok(acceptsGzip(header), header)
})

test.after(served.end)
test.run()

import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { objectStoreDeleteKeysMax } from '../../protocol/limits.ts'
import {
  objectStoreBytesPerSecondMin,
  objectStoreChunkLineBytesMax,
  objectStoreGatherBytesMax,
  objectStoreKeyBytesMax,
  objectStoreSlowStartMs,
  objectStoreXmlBytesMax,
  objectStoreXmlDepthMax,
} from '../../protocol/limits-embedded.ts'
import { unsignedPayload } from '../../protocol/sigv4.ts'
import type { EventTarget } from '../../src/embedded/object-store/notifications.ts'
import { type ObjectStoreServer, startObjectStore } from '../../src/embedded/object-store/server.ts'
import { parseXml } from '../../src/embedded/object-store/xml.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { type Raw, type S3Target, type Signing, sendRaw, signed } from './s3-stage.ts'

type Stage = {
  folder: TemporaryFolder
  server: ObjectStoreServer
  target: S3Target
  clock: { ms: number }
  events: { to: EventTarget | undefined }
  errors: unknown[]
  send: (raw: Raw, signing?: Signing) => ReturnType<typeof sendRaw>
}

const test = suite<Stage>('the embedded object store among bad input')
const credentials = { accessKeyId: 'ID', secretAccessKey: 'secret' }

test.before(async (stage) => {
  stage.folder = await temporaryFolder()
  stage.clock = { ms: 0 }
  stage.events = { to: undefined }
  stage.errors = []
  stage.server = await startObjectStore({
    dataDir: stage.folder.path,
    host: '127.0.0.1',
    port: 0,
    credentials,
    region: 'us-east-1',
    now: Date.now,
    monotonic: () => stage.clock.ms,
    events: async () => stage.events.to,
    onError: (error) => stage.errors.push(error),
  })
  const end = stage.server.close
  stage.target = { endpoint: stage.server.url, region: 'us-east-1', credentials, end }
  stage.send = (raw, signing) =>
    sendRaw(stage.target.endpoint, signed(stage.target, raw, signing).raw)
  assert.is((await stage.send({ method: 'PUT', path: '/bkt' })).status, 200)
})
test.after(async ({ server, folder, errors }) => {
  await server.close()
  await folder.remove()
  assert.equal(errors, [])
})

const putAt = (path: string, body = 'x'): Raw => ({
  method: 'PUT',
  path,
  headers: { 'content-length': String(Buffer.byteLength(body)) },
  body,
})

test('keys of any characters stay below their bucket, and are told apart', async (stage) => {
  const paths = [
    '../../../up',
    '..',
    '.',
    '/',
    '//',
    'a//b',
    'a',
    'A',
    '%2e%2e/x',
    'a%00b',
    '%F0%9F%98%80',
    '%2Fa',
  ]
  for (const path of paths)
    assert.is((await stage.send(putAt(`/bkt/${path}`, path))).status, 200, path)
  for (const path of paths) {
    const found = await stage.send({ method: 'GET', path: `/bkt/${path}` })
    assert.is(found.body.toString(), path, path)
  }
  const names = (await readdir(stage.folder.path)).filter((name) => !name.startsWith('lock.db'))
  assert.equal(names.sort(), ['buckets', 'tmp', 'uploads'])
  assert.equal(await readdir(join(stage.folder.path, 'buckets')), ['bkt'])
})

test('a key has at most 1,024 bytes; a path that is no UTF-8 is refused', async (stage) => {
  for (const char of ['k', 'K', '/', 'k/', '%C3%A9']) {
    const bytes = Buffer.byteLength(decodeURIComponent(char))
    const longest = char.repeat(objectStoreKeyBytesMax / bytes)
    assert.is((await stage.send(putAt(`/bkt/${longest}`))).status, 200, char)
    assert.is((await stage.send(putAt(`/bkt/${longest}x`))).code, 'KeyTooLongError', char)
  }
  const { endpoint } = stage.target
  for (const path of ['/bkt/%ff', '/bkt/%zz', '/bkt/%'])
    assert.is((await sendRaw(endpoint, { method: 'GET', path })).code, 'InvalidURI', path)
  const twice = { method: 'GET', path: '/bkt?a=1&a=2' }
  assert.is((await sendRaw(endpoint, twice)).code, 'InvalidArgument')
})

test('XML: markup beyond elements, depth, size', async (stage) => {
  const nested = (depth: number) => `${'<a>'.repeat(depth)}${'</a>'.repeat(depth)}`
  assert.is(parseXml(nested(objectStoreXmlDepthMax)).name, 'a')
  const wrong = [
    nested(objectStoreXmlDepthMax + 1),
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    '<a><![CDATA[x]]></a>',
    '<a>&nothing;</a>',
    '<a>&#x110000;</a>',
    '<a></b>',
    '<a>',
    '<a/><b/>',
    '',
  ]
  for (const text of wrong) assert.throws(() => parseXml(text), /XML/, text)
  const root = parseXml('<?xml version="1.0"?>\n<a x="y"><b>1 &lt; &#50; &amp; 3</b></a>')
  assert.is(root.children[0]?.text, '1 < 2 & 3')
  const remove = (body: string, headers: Readonly<Record<string, string>> = {}) => {
    const query = [['delete', '']] as const
    const length = { 'content-length': String(body.length) }
    return stage.send({
      method: 'POST',
      path: '/bkt',
      query,
      headers: { ...length, ...headers },
      body,
    })
  }
  assert.is((await remove('<Delete/>')).code, 'InvalidRequest')
  const checked = (keys: number, padding = 0) => {
    const object = '<Object><Key>k</Key></Object>'
    return `<Delete>${object.repeat(keys)}${' '.repeat(padding)}</Delete>`
  }
  const md5Of = (text: string) => ({
    'content-md5': createHash('md5').update(text).digest('base64'),
  })
  const most = checked(objectStoreDeleteKeysMax)
  assert.is((await remove(most, md5Of(most))).status, 200)
  const more = checked(objectStoreDeleteKeysMax + 1)
  assert.is((await remove(more, md5Of(more))).code, 'MalformedXML')
  const largest = checked(1, objectStoreXmlBytesMax - checked(1).length)
  assert.is((await remove(largest, md5Of(largest))).status, 200)
  assert.is((await remove(`${largest} `, md5Of(`${largest} `))).code, 'EntityTooLarge')
})

test('aws-chunked: a line without end, a length that lies, bytes after the end', async (stage) => {
  const frame = (body: string) => {
    const raw = putAt('/bkt/chunked', body)
    const headers = { ...raw.headers, 'x-amz-decoded-content-length': '5' }
    return stage.send({ ...raw, headers }, { payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' })
  }
  assert.is((await frame('5\r\nhello\r\n0\r\n\r\n')).status, 200)
  const wrong = [
    `5${' '.repeat(objectStoreChunkLineBytesMax)}\r\nhello\r\n0\r\n\r\n`,
    '5\r\nhello world\r\n0\r\n\r\n',
    '6\r\nhello!\r\n0\r\n\r\n',
    '4\r\nhell\r\n0\r\n\r\n',
    '5\r\nhello\r\n0\r\n\r\nmore',
    '5\r\nhello\r\n0\r\nno colon\r\n\r\n',
    '5\r\nhello',
    'zz\r\n',
  ]
  for (const body of wrong) {
    const { status } = await frame(body)
    assert.is(status, 400, body.slice(0, 40))
  }
})

/** The head of a PUT of 1 MiB, after which its body may be sent. */
const beginPut = async ({ target }: Stage, key: string) => {
  const raw = { method: 'PUT', path: `/bkt/${key}`, headers: { 'content-length': '1048576' } }
  const { headers } = signed(target, raw, { payload: unsignedPayload }).raw
  const { hostname, port } = new URL(target.endpoint)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.on('error', () => {})
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`PUT /bkt/${key} HTTP/1.1\r\n${lines.join('')}\r\n`)
  return { socket, answer: () => answer }
}
const temporaries = ({ folder }: Stage) => readdir(join(folder.path, 'tmp'))

test('a body that trickles is refused, one that breaks off leaves nothing', async (stage) => {
  const slow = await beginPut(stage, 'slow')
  // More than is gathered before a file is begun.
  const seconds = Math.ceil((objectStoreGatherBytesMax + 1) / objectStoreBytesPerSecondMin)
  slow.socket.write(Buffer.alloc(objectStoreBytesPerSecondMin * seconds))
  await until(async () => (await temporaries(stage)).length === 1, { what: 'a body under way' })
  stage.clock.ms += objectStoreSlowStartMs + (seconds - 1) * 1_000
  slow.socket.write('x')
  await until(async () => (await temporaries(stage)).length === 1, {
    what: 'a body that is fast enough',
  })
  assert.is(slow.answer(), '')
  stage.clock.ms += 10_000
  slow.socket.write('x')
  await until(() => /400 Bad Request[\s\S]*RequestTimeout/.test(slow.answer()), {
    what: 'a refusal',
  })
  slow.socket.destroy()
  const broken = await beginPut(stage, 'broken')
  broken.socket.write(Buffer.alloc(objectStoreGatherBytesMax + 1))
  await until(async () => (await temporaries(stage)).length === 1, { what: 'a body under way' })
  broken.socket.destroy()
  await until(async () => (await temporaries(stage)).length === 0, { what: 'nothing left' })
  for (const key of ['slow', 'broken'])
    assert.is((await stage.send({ method: 'HEAD', path: `/bkt/${key}` })).status, 404)
})

test('what only S3 has is said not to be here', async (stage) => {
  const asked = (method: string, path: string, name: string) =>
    stage.send({ method, path, query: [[name, '']] })
  for (const name of ['acl', 'policy', 'versioning', 'tagging', 'lifecycle', 'torrent'])
    assert.is((await asked('GET', '/bkt', name)).code, 'NotImplemented', name)
  assert.is((await asked('POST', '/bkt/k', 'select')).code, 'NotImplemented')
  assert.is((await stage.send({ method: 'PATCH', path: '/bkt/k' })).code, 'MethodNotAllowed')
  assert.is((await stage.send({ method: 'GET', path: '/bkt' })).code, 'NotImplemented')
  const crc64 = { 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' }
  const put = putAt('/bkt/k')
  const refused = await stage.send({ ...put, headers: { ...put.headers, ...crc64 } })
  assert.is(refused.code, 'NotImplemented')
})

test('new objects are told of, with the bearer, and again when that failed', async (stage) => {
  const heard: { authorization: string | undefined; body: string }[] = []
  const listener = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    heard.push({ authorization: request.headers.authorization, body })
    response.writeHead(heard.length === 1 ? 503 : 204).end()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  stage.events.to = { url: `http://127.0.0.1:${port}/internal/s3-events`, token: 'a bearer' }
  const { headers } = await stage.send(putAt('/bkt/p/rec%20%C3%A9/1', 'opus'))
  await until(() => heard.length >= 2, { what: 'a second attempt' })
  stage.events.to = undefined
  listener.close()
  assert.is(heard[0]?.body, heard[1]?.body)
  assert.is(heard[1]?.authorization, 'Bearer a bearer')
  const { Records } = JSON.parse(heard[1]?.body ?? '')
  assert.is(Records.length, 1)
  assert.is(Records[0].eventName, 'ObjectCreated:Put')
  assert.is(Records[0].s3.bucket.name, 'bkt')
  assert.is(Records[0].s3.object.key, 'p/rec+%C3%A9/1')
  assert.is(Records[0].s3.object.size, 4)
  assert.is(`"${Records[0].s3.object.eTag}"`, headers['etag'])
})

test.run()

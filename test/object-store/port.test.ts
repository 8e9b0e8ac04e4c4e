import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  BodyMismatch,
  NoSuchObject,
  NoSuchUpload,
  type ObjectStore,
  ObjectStoreUnavailable,
  PreconditionFailed,
} from '../../src/store/object-store.ts'
import { openS3 } from '../../src/store/s3.ts'
import { bytesOf, closeStage, gather, openStage, type S3Stage, whose } from './s3-stage.ts'

type Stage = S3Stage & { objects: ObjectStore }

const openAt = (stage: S3Stage, endpoint = stage.target.endpoint): ObjectStore =>
  openS3({
    endpoint,
    publicEndpoint: endpoint,
    bucket: stage.bucket,
    region: stage.target.region,
    ...stage.target.credentials,
    now: Date.now,
  })

const test = suite<Stage>(`the port to the object store (${whose})`)
test.before(async (stage) => {
  await openStage(stage)
  stage.objects = openAt(stage)
})
test.after(async (stage) => {
  stage.objects.close()
  await closeStage(stage)
})

const contentType = 'audio/ogg'
const body = bytesOf(100_000)
const sha256 = createHash('sha256').update(body).digest('hex')
const about = { bytes: body.length, contentType, sha256 }
const thrownBy = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    return await work
  } catch (error) {
    return error
  }
}
const all = async (pieces: AsyncIterable<Uint8Array>) => Buffer.concat(await gather(pieces))
async function* piecesOf(...pieces: readonly Uint8Array[]) {
  yield* pieces
}

test('write, head, read, a range, list, delete', async ({ objects }) => {
  await objects.write('a/1', body, about)
  await objects.write('a/2', piecesOf(body.subarray(0, 10), body.subarray(10)), about)
  const head = await objects.head('a/2')
  assert.equal([head?.bytes, head?.sha256, head?.contentType], [body.length, sha256, contentType])
  assert.ok((await all(await objects.read('a/2'))).equals(body))
  const part = await objects.read('a/1', { from: 10, bytes: 20 })
  assert.ok((await all(part)).equals(body.subarray(10, 30)))
  assert.ok((await all(await objects.read('a/1', { from: 99_990 }))).equals(body.subarray(99_990)))
  const listed = await gather(objects.list('a/'))
  assert.equal(
    listed.map(({ key, bytes }) => [key, bytes]),
    [
      ['a/1', 100_000],
      ['a/2', 100_000],
    ],
  )
  assert.equal(
    (await gather(objects.list('a/', 'a/1'))).map(({ key }) => key),
    ['a/2'],
  )
  await objects.delete(['a/1', 'a/2', 'a/3'])
  assert.is(await objects.head('a/1'), undefined)
  assert.instance(await thrownBy(objects.read('a/1')), NoSuchObject)
})

test('more than a page of keys is listed and deleted', async ({ objects }) => {
  const keys = Array.from({ length: 1_003 }, (_, at) => `many/${String(at).padStart(4, '0')}`)
  for (let at = 0; at < keys.length; at += 20)
    await Promise.all(
      keys
        .slice(at, at + 20)
        .map((key) => objects.write(key, body.subarray(0, 1), { bytes: 1, contentType })),
    )
  const listed = (await gather(objects.list('many/'))).map(({ key }) => key)
  assert.equal(listed, keys)
  await objects.delete(keys)
  assert.equal(await gather(objects.list('many/')), [])
})

test('a body that is not what was said of it is not stored', async ({ objects }) => {
  const other = bytesOf(body.length, 2)
  const halves = [body.subarray(0, 50_000), body.subarray(50_000)]
  const bodies = [
    other,
    body.subarray(1),
    piecesOf(other),
    piecesOf(...halves, Buffer.from('x')),
    piecesOf(halves[0] ?? body),
  ]
  for (const wrong of bodies)
    assert.instance(await thrownBy(objects.write('wrong', wrong, about)), BodyMismatch)
  async function* failing() {
    yield body.subarray(0, 10)
    throw new RangeError('the source ended')
  }
  assert.instance(await thrownBy(objects.write('wrong', failing(), about)), RangeError)
  assert.is(await objects.head('wrong'), undefined)
})

test('written once', async ({ objects }) => {
  const once = { ...about, ifNoneMatch: '*' } as const
  await objects.write('once', body, once)
  assert.instance(await thrownBy(objects.write('once', body, once)), PreconditionFailed)
  assert.instance(await thrownBy(objects.write('once', piecesOf(body), once)), PreconditionFailed)
})

test('parts: copied, uploaded, completed; an ended upload is told', async ({ objects }) => {
  const large = bytesOf(5 * 1_048_576)
  await objects.write('from', large, { bytes: large.length, contentType })
  const upload = { key: 'joined', uploadId: await objects.createMultipart('joined', contentType) }
  const parts = [
    await objects.copyPart(upload, 1, { key: 'from' }),
    await objects.copyPart(upload, 2, { key: 'from', range: { from: 0, bytes: large.length } }),
    await objects.uploadPart(upload, 3, piecesOf(body), about),
  ]
  const wrong = { ...about, sha256: '0'.repeat(64) }
  assert.instance(await thrownBy(objects.uploadPart(upload, 4, body, wrong)), BodyMismatch)
  const missing = objects.copyPart(upload, 4, { key: 'nothing' })
  assert.instance(await thrownBy(missing), NoSuchObject)
  await objects.complete(upload, parts)
  assert.ok((await all(await objects.read('joined'))).equals(Buffer.concat([large, large, body])))
  assert.is((await objects.head('joined'))?.sha256, undefined)
  assert.instance(await thrownBy(objects.complete(upload, parts)), NoSuchUpload)
  await objects.abort(upload)
})

test('a store that is not there, and one that refuses our keys', async (stage) => {
  const nowhere = openAt(stage, 'http://127.0.0.1:1')
  const write = () => nowhere.write('a', piecesOf(body), about)
  for (const work of [() => nowhere.head('a'), write, nowhere.check])
    assert.instance(await thrownBy(work()), ObjectStoreUnavailable)
  nowhere.close()
  const foreign = openAt({
    ...stage,
    target: { ...stage.target, credentials: { accessKeyId: 'x', secretAccessKey: 'y' } },
  })
  assert.instance(await thrownBy(foreign.head('a')), ObjectStoreUnavailable)
  foreign.close()
})

test('an answer that ends early is no object', async (stage) => {
  const server: Server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write(Buffer.alloc(10), () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const objects = openAt(stage, `http://127.0.0.1:${port}`)
  const pieces = await objects.read('a')
  assert.instance(await thrownBy(all(pieces)), ObjectStoreUnavailable)
  objects.close()
  server.close()
})

test.run()

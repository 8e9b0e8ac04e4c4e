import { createHash } from 'node:crypto'
import { link, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CompleteMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keptCredentials } from '../../src/embedded/object-store/credentials.ts'
import {
  BodyMismatch,
  type MultipartUpload,
  NoSuchUpload,
  type UploadedPart,
} from '../../src/store/object-store.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { type RunningStore, runStore } from './running.ts'
import { bytesOf, codeOf, gather } from './s3-stage.ts'

type Stage = { folder: TemporaryFolder; store: RunningStore }

const test = suite<Stage>('parts that grow into the object')
test.before(async (stage) => {
  stage.folder = await temporaryFolder()
  stage.store = await runStore(stage.folder.path)
  await stage.store.objects.ensureBucket()
})
test.after(async ({ folder, store }) => {
  await store.end('SIGTERM')
  await folder.remove()
})

const partBytes = 5 * 1_048_576
/** The last part's number; each part has bytes of its own, and others each time that it is sent. */
const last = 3
const sizeOf = (number: number) => (number === last ? 1_000 : partBytes)
const bodyOf = (number: number, time: number) => bytesOf(sizeOf(number), 10 * number + time)
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest()

const begin = async ({ store }: Stage, key: string): Promise<MultipartUpload> => ({
  key,
  uploadId: await store.objects.createMultipart(key, 'audio/ogg'),
})
const send = ({ store }: Stage, upload: MultipartUpload, number: number, body: Uint8Array) =>
  store.objects.uploadPart(upload, number, body, { bytes: body.length })
const folderOf = ({ folder }: Stage, { uploadId }: MultipartUpload) =>
  join(folder.path, 'uploads', uploadId)
const objectOf = ({ folder }: Stage, key: string) =>
  join(folder.path, 'buckets', 'lapel', `${key}.o`)
const read = async ({ store }: Stage, key: string) =>
  Buffer.concat(await gather(await store.objects.read(key)))
const thrownBy = (work: Promise<unknown>) => work.then(() => undefined).catch((error) => error)

test('parts in their order are the object: its file is the one that they were written into', async (stage) => {
  const upload = await begin(stage, 'in-order')
  const bodies = [1, 2, 3].map((number) => bodyOf(number, 0))
  const parts: UploadedPart[] = []
  for (const [at, body] of bodies.entries()) parts.push(await send(stage, upload, at + 1, body))
  const folder = folderOf(stage, upload)
  const grown = await stat(join(folder, 'whole'))
  assert.is(grown.size, 2 * partBytes + 1_000)
  for (const number of [1, 2, 3])
    assert.ok((await stat(join(folder, String(number)))).size < 1_000, 'a description alone')
  await stage.store.objects.complete(upload, parts)
  const object = await stat(objectOf(stage, 'in-order'))
  assert.equal([object.ino, object.nlink], [grown.ino, 1])
  assert.ok((await read(stage, 'in-order')).equals(Buffer.concat(bodies)))
  assert.not.ok((await readdir(join(stage.folder.path, 'uploads'))).includes(upload.uploadId))
  const sums = Buffer.concat(bodies.map(md5))
  const head = await stage.store.objects.head('in-order')
  assert.is(head?.etag, `"${md5(sums).toString('hex')}-3"`)
})

const orders: readonly (readonly (number | readonly number[])[])[] = [
  [2, 1, 3],
  [1, 3, 2],
  [1, 1, 2, 3],
  [1, 2, 2, 3],
  [1, 2, 3, 1],
  [3, 1, 2, 3, 2],
  [[1, 2, 3]],
  [1, [2, 2], 3],
]

for (const order of orders)
  test(`sent ${JSON.stringify(order)}: each part as it was sent last`, async (stage) => {
    const key = `sent-${createHash('md5').update(JSON.stringify(order)).digest('hex')}`
    const upload = await begin(stage, key)
    const kept = new Map<number, { part: UploadedPart; body: Buffer }>()
    let time = 0
    for (const numbers of order) {
      const sent = [numbers].flat().map(async (number, at) => {
        // Sent twice at once they are the same: nobody knows which is the last.
        const body = bodyOf(number, Array.isArray(numbers) ? 9 : (time + at) % 9)
        kept.set(number, { part: await send(stage, upload, number, body), body })
      })
      await Promise.all(sent)
      time += 1
    }
    const parts = [1, 2, 3].flatMap((number) => kept.get(number) ?? [])
    await stage.store.objects.complete(
      upload,
      parts.map(({ part }) => part),
    )
    assert.ok((await read(stage, key)).equals(Buffer.concat(parts.map(({ body }) => body))))
  })

test('a part that was refused leaves nothing behind', async (stage) => {
  const upload = await begin(stage, 'refused')
  const one = await send(stage, upload, 1, bodyOf(1, 0))
  const longer = { bytes: partBytes, sha256: '0'.repeat(64) }
  const refused = stage.store.objects.uploadPart(upload, 2, bodyOf(2, 1), longer)
  assert.instance(await thrownBy(refused), BodyMismatch)
  const end = await send(stage, upload, 2, bodyOf(3, 0))
  await stage.store.objects.complete(upload, [one, end])
  assert.ok((await read(stage, 'refused')).equals(Buffer.concat([bodyOf(1, 0), bodyOf(3, 0)])))
  assert.equal(await readdir(join(stage.folder.path, 'tmp')), [])
})

test('fewer parts than were sent, or not from the first on', async (stage) => {
  for (const chosen of [[1], [2, 3]]) {
    const key = `chosen-${chosen.join('-')}`
    const upload = await begin(stage, key)
    const parts: UploadedPart[] = []
    for (const number of [1, 2, 3]) parts.push(await send(stage, upload, number, bodyOf(number, 0)))
    await stage.store.objects.complete(
      upload,
      parts.filter(({ number }) => chosen.includes(number)),
    )
    const expected = Buffer.concat(chosen.map((number) => bodyOf(number, 0)))
    assert.ok((await read(stage, key)).equals(expected), key)
  }
})

test('a completion that was refused leaves every part as it was', async (stage) => {
  const key = 'conditions'
  const taken = bodyOf(3, 1)
  const about = { bytes: taken.length, contentType: 'audio/ogg' }
  await stage.store.objects.write(key, taken, about)
  const upload = await begin(stage, key)
  const bodies = [1, 2, 3].map((number) => bodyOf(number, 0))
  const parts: UploadedPart[] = []
  for (const [at, body] of bodies.entries()) parts.push(await send(stage, upload, at + 1, body))
  const client = new S3Client({
    endpoint: stage.store.url,
    region: 'us-east-1',
    credentials: await keptCredentials(stage.folder.path),
    forcePathStyle: true,
    maxAttempts: 1,
  })
  for (const count of [3, 1]) {
    const Parts = parts.slice(0, count).map(({ number, etag }) => ({
      PartNumber: number,
      ETag: etag,
    }))
    const command = new CompleteMultipartUploadCommand({
      Bucket: 'lapel',
      Key: key,
      UploadId: upload.uploadId,
      MultipartUpload: { Parts },
      IfNoneMatch: '*',
    })
    assert.is(await codeOf(client.send(command)), 'PreconditionFailed')
  }
  client.destroy()
  assert.ok((await read(stage, key)).equals(taken))
  await stage.store.objects.complete(upload, parts)
  assert.ok((await read(stage, key)).equals(Buffer.concat(bodies)))
})

// As it is after a crash between the object's name and the end of its upload.
test('what is an object already is written into no more, and its upload ends with the next start', async (stage) => {
  const upload = await begin(stage, 'named')
  const one = await send(stage, upload, 1, bodyOf(1, 0))
  const grown = join(folderOf(stage, upload), 'whole')
  const object = join(stage.folder.path, 'an-object')
  await link(grown, object)
  const before = await readFile(object)
  const two = await send(stage, upload, 2, bodyOf(2, 0))
  assert.ok((await readFile(object)).equals(before))
  await stage.store.objects.complete(upload, [one, two])
  assert.ok((await readFile(object)).equals(before))
  assert.ok((await read(stage, 'named')).equals(Buffer.concat([bodyOf(1, 0), bodyOf(2, 0)])))

  const [completed, open] = [await begin(stage, 'completed'), await begin(stage, 'open')]
  for (const each of [completed, open]) await send(stage, each, 1, bodyOf(1, 0))
  await link(join(folderOf(stage, completed), 'whole'), `${object}-2`)
  await stage.store.end('SIGKILL')
  stage.store = await runStore(stage.folder.path)
  assert.instance(await thrownBy(send(stage, completed, 2, bodyOf(2, 0))), NoSuchUpload)
  await send(stage, open, 2, bodyOf(2, 0))
  assert.is((await stat(join(folderOf(stage, open), 'whole'))).size, 2 * partBytes)
})

test.run()

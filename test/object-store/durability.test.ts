import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NoSuchUpload, ObjectStoreUnavailable } from '../../src/store/object-store.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { type RunningStore, runStore } from './running.ts'
import { bytesOf, gather } from './s3-stage.ts'

type Stage = { folder: TemporaryFolder; store: RunningStore }

const test = suite<Stage>('what the embedded object store keeps')
test.before.each(async (stage) => {
  stage.folder = await temporaryFolder()
  stage.store = await runStore(stage.folder.path)
  await stage.store.objects.ensureBucket()
})
test.after.each(async ({ folder, store }) => {
  await store.end('SIGKILL')
  await folder.remove()
})

const hex = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
const contentType = 'audio/ogg'
const aboutOf = (data: Uint8Array) => ({ bytes: data.length, contentType, sha256: hex(data) })
const readAll = async (store: RunningStore, key: string) =>
  Buffer.concat(await gather(await store.objects.read(key)))

/** Two bodies of another length for one key: whichever is there must be whole. */
const bodies = [bytesOf(60_000, 1), bytesOf(90_000, 2)]
const bodyOf = (index: number) => bodies[index % bodies.length] ?? Buffer.alloc(0)

test('killed in the midst of writes: what was acknowledged is there, nothing is half there', async (stage) => {
  const acknowledged = new Map<string, number>()
  const write = async (writer: number, isOver: () => boolean) => {
    for (let index = 0; !isOver(); index += 1) {
      // Every other write replaces the object before it.
      const key = `proj/rec_${writer}/${Math.floor(index / 2)}/x`
      const written = await stage.store.objects
        .write(key, bodyOf(index), aboutOf(bodyOf(index)))
        .then(() => true)
        .catch((error: unknown) => {
          assert.instance(error, ObjectStoreUnavailable)
          return false
        })
      if (!written) return
      acknowledged.set(key, index)
    }
  }
  for (let round = 0; round < 3; round += 1) {
    let isOver = false
    const before = acknowledged.size
    const writers = Array.from({ length: 6 }, (_, at) => write(round * 10 + at, () => isOver))
    await until(() => acknowledged.size >= before + 15, { msMax: 60_000, what: 'writes' })
    await stage.store.end('SIGKILL')
    isOver = true
    await Promise.all(writers)
    stage.store = await runStore(stage.folder.path)
    for (const [key, index] of acknowledged) {
      const head = await stage.store.objects.head(key)
      // The write that nobody acknowledged may have been done all the same.
      const possible = [bodyOf(index), bodyOf(index + 1)].map(hex)
      assert.ok(possible.includes(head?.sha256 ?? ''), key)
    }
    const listed = await gather(stage.store.objects.list(''))
    for (const { key, bytes } of listed) {
      const found = await readAll(stage.store, key)
      assert.is(found.length, bytes, key)
      assert.ok(
        bodies.some((body) => body.equals(found)),
        key,
      )
    }
    assert.equal(await readdir(join(stage.folder.path, 'tmp')), [])
  }
  assert.ok(acknowledged.size >= 45)
})

test('an upload in parts survives a kill; a completion is all or nothing', async (stage) => {
  const first = bytesOf(5 * 1_048_576, 1)
  const last = bytesOf(100, 2)
  const key = 'parts'
  const uploadId = await stage.store.objects.createMultipart(key, contentType)
  const upload = { key, uploadId }
  const one = await stage.store.objects.uploadPart(upload, 1, first, aboutOf(first))
  await stage.store.end('SIGKILL')
  stage.store = await runStore(stage.folder.path)
  const two = await stage.store.objects.uploadPart(upload, 2, last, aboutOf(last))
  const completing = stage.store.objects
    .complete(upload, [one, two])
    .catch((error: unknown) => error)
  await stage.store.end('SIGKILL')
  const outcome = await completing
  stage.store = await runStore(stage.folder.path)
  if (outcome !== undefined) {
    assert.instance(outcome, ObjectStoreUnavailable)
    await stage.store.objects.complete(upload, [one, two]).catch((error: unknown) => {
      assert.instance(error, NoSuchUpload)
    })
  }
  assert.ok((await readAll(stage.store, key)).equals(Buffer.concat([first, last])))
})

test('a full disk refuses what does not fit, keeps the rest, and goes on', async (stage) => {
  await stage.store.end('SIGTERM')
  stage.store = await runStore(stage.folder.path, { fileKib: 512 })
  const { objects } = stage.store
  const [small, large] = [bytesOf(400_000, 1), bytesOf(600_000, 2)]
  await objects.write('small', small, aboutOf(small))
  const refused = await objects
    .write('large', large, aboutOf(large))
    .catch((error: unknown) => error)
  assert.instance(refused, ObjectStoreUnavailable)
  assert.match(String(refused), /StorageFull/, JSON.stringify((refused as Error).cause))
  const replaced = await objects.write('small', large, aboutOf(large)).catch(() => 'refused')
  assert.is(replaced, 'refused')
  assert.is(await objects.head('large'), undefined)
  assert.ok((await readAll(stage.store, 'small')).equals(small))
  assert.equal(await readdir(join(stage.folder.path, 'tmp')), [])
  await objects.write('another', small, aboutOf(small))
})

test('one process has the folder; the keys are for its owner alone', async ({ folder }) => {
  const second = await runStore(folder.path).catch((error: Error) => error.message)
  assert.match(String(second), /is in use by another object store/)
})

test.run()

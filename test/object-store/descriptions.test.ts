import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { objectStoreDescriptionsMax } from '../../protocol/limits-embedded.ts'
import { createDescriptions } from '../../src/embedded/object-store/descriptions.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const test = suite<{ folder: TemporaryFolder }>('what is remembered of objects')
test.before.each(async (stage) => {
  stage.folder = await temporaryFolder()
})
test.after.each(({ folder }) => folder.remove())

const described = { bytes: 3, etag: 'e', modified: 1, headers: {} }

test('a file that is the same is not read; one that is gone, or another, is', async ({
  folder,
}) => {
  const path = join(folder.path, 'a')
  const changes = [
    () => rm(path),
    () => writeFile(path, 'longer than it was'),
    async () => {
      await writeFile(`${path}-new`, 'abc')
      await rename(`${path}-new`, path)
    },
  ]
  for (const change of changes) {
    const descriptions = createDescriptions()
    await writeFile(path, 'abc')
    descriptions.keep(path, described)
    assert.equal(descriptions.find(path), described)
    await change()
    assert.is(descriptions.find(path), undefined)
    assert.is(descriptions.find(path), undefined)
  }
})

test('so many are remembered, the newest', async ({ folder }) => {
  const first = join(folder.path, 'first')
  for (const name of ['first', 'other']) await writeFile(join(folder.path, name), 'abc')
  // One file by many names: as many files would take long to make.
  const aliasOf = (at: number) => {
    const steps = [...at.toString(2)].map((bit) => (bit === '1' ? './' : '/'))
    return `${folder.path}/${steps.join('')}other`
  }
  for (const count of [objectStoreDescriptionsMax - 1, objectStoreDescriptionsMax]) {
    const descriptions = createDescriptions()
    descriptions.keep(first, described)
    for (let at = 0; at < count; at += 1) descriptions.keep(aliasOf(at), described)
    assert.equal(descriptions.find(aliasOf(count - 1)), described)
    const isKept = count < objectStoreDescriptionsMax
    assert.equal(descriptions.find(first), isKept ? described : undefined)
  }
})

test.run()

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keyBytes, pathOfKey } from '../../src/embedded/object-store/key-paths.ts'
import { walk } from '../../src/embedded/object-store/walk.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { gather } from './s3-stage.ts'

const test = suite('keys as names on the disk')

test('names on the disk sort as keys do', async () => {
  const folder = await temporaryFolder()
  const long = fc.integer({ min: 79, max: 82 }).map((length) => 'l'.repeat(length))
  const unit = fc.oneof(fc.constantFrom('/', 'a', 'A', '.', '-', '%', 'é', '😀', '￿', '0'), long)
  const keys = fc.uniqueArray(
    fc.array(unit, { minLength: 1, maxLength: 6 }).map((units) => units.join('')),
    { maxLength: 12 },
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(keys, fc.string({ unit, maxLength: 2 }), async (some, prefix) => {
      run += 1
      const root = join(folder.path, String(run))
      for (const key of some) {
        const path = join(root, pathOfKey(key))
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, '')
      }
      const sorted = some.map(keyBytes).sort()
      const wanted = sorted.filter((key) => key.startsWith(keyBytes(prefix)))
      const found = await gather(walk(root, '', { prefix: keyBytes(prefix), after: '' }))
      assert.equal(
        found.map((one) => one.keyBytes),
        wanted,
      )
      const [after = ''] = wanted
      const later = await gather(walk(root, '', { prefix: keyBytes(prefix), after }))
      assert.equal(
        later.map((one) => one.keyBytes),
        wanted.slice(1),
      )
    }),
    { numRuns: 60 },
  )
  await folder.remove()
})

test.run()

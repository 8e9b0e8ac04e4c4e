import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadConfig } from '../src/config.ts'
import { openObjects } from '../src/main-objects.ts'
import { startTarget } from './object-store/s3-stage.ts'
import { keepLog } from './support/keep-log.ts'

test('on a first start whoever asks for the object store finds its bucket', async () => {
  const loaded = loadConfig({}, '/')
  if (loaded.kind === 'faults') throw new Error('no configuration')
  const target = await startTarget()
  const { endpoint, region, credentials } = target
  const bucket = `lapel-first-${Date.now()}`
  const place = { endpoint, publicEndpoint: endpoint, bucket, region, folder: undefined }
  const { lines, log } = keepLog()
  const closing = new AsyncDisposableStack()
  const { objects } = openObjects(
    { ...place, ...credentials },
    { config: loaded.config, log },
    closing,
  )
  await objects.check()
  assert.equal(lines, [])
  await closing.disposeAsync()
  await target.end()
})

test.run()

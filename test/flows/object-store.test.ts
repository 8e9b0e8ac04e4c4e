import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startLapelProcess } from '../support/lapel.ts'
import { objectsOf } from '../support/node-objects.ts'
import { until } from '../support/until.ts'

const test = suite('a node and its object store')

type Ready = {
  readonly status: string
  readonly checks: Readonly<Record<string, { status: string }>>
}

const readyOf = async (http: string): Promise<Ready & { readonly code: number }> => {
  const answer = await fetch(`${http}/health/ready`)
  return { code: answer.status, ...((await answer.json()) as Ready) }
}

test('the embedded one: ready, kept keys, the bucket, grants that work', async () => {
  const lapel = await startLapelProcess()
  const objects = await objectsOf(lapel)
  try {
    assert.match(lapel.node.s3_endpoint, /^http:\/\/127\.0\.0\.1:\d+$/)
    for (const file of ['credentials.json', 'events.json'])
      assert.is((await stat(join(lapel.data, 'objects', file))).mode & 0o077, 0, file)
    await until(async () => (await readyOf(lapel.http)).checks['object_store']?.status === 'ok', {
      what: 'the object store in readiness',
    })
    const grant = { bytes: 4, contentType: 'audio/ogg', expiresSeconds: 60 }
    const { url, method, headers } = objects.presignPut('a/b', grant)
    const put = () => fetch(url, { method, headers, body: 'opus' })
    assert.is((await put()).status, 200)
    assert.is((await put()).status, 412)
    const got = await fetch(objects.presignGet('a/b', { expiresSeconds: 60 }).url)
    assert.is(await got.text(), 'opus')
    assert.is(await lapel.stop(), 0)
  } finally {
    objects.close()
    await lapel.remove()
  }
})

test('one that cannot be reached is shown, and takes nothing else away', async () => {
  const lapel = await startLapelProcess({
    S3_ENDPOINT: 'http://127.0.0.1:1',
    S3_ACCESS_KEY_ID: 'id',
    S3_SECRET_ACCESS_KEY: 'secret',
  })
  try {
    assert.is(lapel.node.s3_endpoint, 'http://127.0.0.1:1')
    const { code, status, checks } = await readyOf(lapel.http)
    assert.equal([code, status], [200, 'ready'])
    assert.is(checks['object_store']?.status, 'failing')
    assert.is(await lapel.stop(), 0)
  } finally {
    await lapel.remove()
  }
})

test.run()

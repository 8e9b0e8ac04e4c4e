import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DownGrants } from '../../../protocol/recording-payloads.ts'
import { connectDevice } from '../../support/mqtt-device.ts'
import { ownDown } from '../../support/mqtt-edge.ts'
import { bodyOf, chunkOf } from '../../support/recording-edge.ts'
import { serveLapel } from '../../support/served-lapel.ts'
import { until } from '../../support/until.ts'

const test = suite('recordings of a node as it starts by itself')
const lapel = await serveLapel()

test('a chunk that is announced is granted, and put where the grant says', async () => {
  const bound = await lapel.boundDevice()
  const device = await connectDevice(lapel.mqttPort, bound.token)
  const grants: DownGrants['grants'][number][] = []
  device.client.on('message', (topic, bytes) => {
    if (topic.endsWith('/grants')) grants.push(...JSON.parse(bytes.toString()).grants)
  })
  await device.client.subscribeAsync(ownDown, { qos: 1 })
  const chunks = `v1/devices/me/recordings/${randomUUID()}/chunks`
  await device.publish(chunks, { boot: 1, at: Date.now(), chunks: [chunkOf(1)] })
  const grant = await until(() => grants[0], { what: 'the grant' })
  const { method, url, headers } = grant
  const put = await until(
    async () => {
      const { status } = await fetch(url, { method, headers, body: new Uint8Array(bodyOf(1)) })
      return (status === 200 || status === 412) && status
    },
    { what: 'the upload' },
  )
  assert.is(put, 200)
  const metrics = await (await fetch(`${lapel.http}/metrics`)).text()
  assert.match(metrics, /^lapel_chunks_granted_total 1$/m)
  assert.match(metrics, /^lapel_recordings_open 1$/m)
  assert.match(metrics, /^lapel_recordings_oldest_gap_seconds \d/m)
  await device.end()
})

test.after(async () => {
  await lapel.stop()
  await lapel.remove()
})

test.run()

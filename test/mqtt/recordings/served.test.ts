import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeviceId } from '../../../protocol/ids.ts'
import type { DownGrants } from '../../../protocol/recording-payloads.ts'
import { recordingIdOf } from '../../../protocol/topics.ts'
import { connectDevice } from '../../support/mqtt-device.ts'
import { ownDown } from '../../support/mqtt-edge.ts'
import { bodyOf, chunkOf } from '../../support/recording-edge.ts'
import { serveLapel } from '../../support/served-lapel.ts'
import { until } from '../../support/until.ts'

const test = suite('recordings of a node as it starts by itself')
const lapel = await serveLapel()

/** A device that announced its first chunk, and what it was granted for it. */
const announced = async (token: string, clock: object) => {
  const device = await connectDevice(lapel.mqttPort, token)
  const grants: DownGrants['grants'][number][] = []
  device.client.on('message', (topic, bytes) => {
    if (topic.endsWith('/grants')) grants.push(...JSON.parse(bytes.toString()).grants)
  })
  await device.client.subscribeAsync(ownDown, { qos: 1 })
  const uuid = randomUUID()
  const chunks = `v1/devices/me/recordings/${uuid}/chunks`
  await device.publish(chunks, { boot: 1, at: Date.now(), chunks: [{ ...chunkOf(1), ...clock }] })
  const grant = await until(() => grants[0], { what: 'the grant' })
  return { device, uuid, grant }
}

const putGranted = ({ method, url, headers }: DownGrants['grants'][number]) =>
  until(
    async () => {
      const { status } = await fetch(url, { method, headers, body: new Uint8Array(bodyOf(1)) })
      return (status === 200 || status === 412) && status
    },
    { what: 'the upload' },
  )

test('a chunk that is announced is granted, and put where the grant says', async () => {
  const bound = await lapel.boundDevice()
  const { device, grant } = await announced(bound.token, {})
  assert.is(await putGranted(grant), 200)
  const metrics = await (await fetch(`${lapel.http}/metrics`)).text()
  assert.match(metrics, /^lapel_chunks_granted_total 1$/m)
  assert.match(metrics, /^lapel_recordings_open 1$/m)
  assert.match(metrics, /^lapel_recordings_oldest_gap_seconds \d/m)
  await device.end()
})

test('unbound in mid-upload: what was granted is put, and is of whom it was recorded for', async () => {
  const bound = await lapel.boundDevice()
  // What a message takes on its way is taken for a skew: the binding outlives that.
  const recordedAt = Date.now() + 1
  await until(() => Date.now() > recordedAt, { what: 'a moment of that binding' })
  const { device, uuid, grant } = await announced(bound.token, { started_at: recordedAt })
  assert.is((await lapel.api(`POST /v1/devices/${bound.id}/unbind`)).status, 200)
  await device.closed
  assert.is(await putGranted(grant), 200)
  const path = `GET /v1/recordings/${recordingIdOf(bound.id as DeviceId, uuid)}`
  const shown = await until(
    async () => {
      const { body } = await lapel.api(path)
      return JSON.stringify(body['chunks']).includes('"stored":1') && body
    },
    { what: 'the stored chunk' },
  )
  assert.equal([shown['end_user_id'], shown['quarantine_reason']], [bound.endUser, null])
})

test.after(async () => {
  await lapel.stop()
  await lapel.remove()
})

test.run()

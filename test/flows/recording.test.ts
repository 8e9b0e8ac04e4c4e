import { createHash, randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkCertificate } from '../../protocol/certificate.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import type { DownGrants, DownWatermark } from '../../protocol/recording-payloads.ts'
import { recordingIdOf } from '../../protocol/topics.ts'
import { audio, headers, packetSamples, paddedSilence } from '../../src/cli/simulate/ogg-opus.ts'
import { decodeInChromium, findChromium } from '../support/chromium.ts'
import { startLapelProcess } from '../support/lapel.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { until } from '../support/until.ts'

const test = suite('a recording, from the device to the browser')

const seconds = 4
const perSecond = 50
const sha256Of = (body: Uint8Array) => createHash('sha256').update(body).digest('hex')

/** A second of the recording a chunk, in packets of uneven size. */
const chunks = Array.from({ length: seconds }, (_, at) => {
  const track = {
    serial: 77,
    sequence: 2 + 5 * at,
    granule: BigInt(at * perSecond) * packetSamples,
  }
  const pages = audio(5, perSecond / 5, track, (k) => paddedSilence(20 + ((7 * k) % 60), 0))
  return at === 0 ? Buffer.concat([headers(77), pages]) : pages
})

const announcement = (indices: readonly number[]) => ({
  boot: 1,
  chunks: indices.map((index) => {
    const body = chunks[index - 1] ?? Buffer.alloc(0)
    return { index, bytes: body.length, sha256: sha256Of(body), duration_ms: 1_000 }
  }),
})

/** A device that is signed in and listens, on a node that has nothing else. */
const listening = async (lapel: Awaited<ReturnType<typeof startLapelProcess>>) => {
  const made = (await lapel.cli('keys', 'create', '--mode', 'test', '--name', 'flow')) as {
    key: string
  }
  const { key } = made
  const post = async (path: string, body: object) =>
    (await lapel.call(key, `POST /v1/${path}`, body)).body
  const { id: person } = await post('end-users', { name: 'Ada' })
  const { id } = await post('devices', { serial_number: 'SN-REC', model: 'bota_pin' })
  const { device_token } = await post(`devices/${id}/bind`, { end_user_id: person })
  const device = await connectDevice(lapel.mqttPort, String(device_token))
  const grants: DownGrants['grants'][number][] = []
  const watermarks: DownWatermark[] = []
  device.client.on('message', (topic, bytes) => {
    const value = JSON.parse(bytes.toString())
    if (topic.endsWith('/grants')) grants.push(...value.grants)
    if (topic.endsWith('/watermark')) watermarks.push(value)
  })
  await device.client.subscribeAsync('v1/devices/me/down/#', { qos: 1 })
  return { key, person, id: id as DeviceId, device, grants, watermarks }
}

type Listening = Awaited<ReturnType<typeof listening>>

const putGranted = async ({ grants }: Listening, index: number) => {
  await until(async () => grants.some((one) => one.index === index), { what: `grant ${index}` })
  const grant = grants.find((one) => one.index === index)
  const body = Buffer.from(chunks[index - 1] ?? [])
  const response = await fetch(grant?.url ?? '', {
    method: 'PUT',
    headers: grant?.headers ?? {},
    body,
  })
  assert.is(response.status, 200, await response.text())
}

const storedUpTo = ({ watermarks }: Listening, index: number) =>
  until(async () => watermarks.at(-1)?.stored_up_to === index, {
    what: `the watermark at ${index}`,
    msMax: 30_000,
  })

test('announced, granted, put, verified, stitched, downloaded, certified, decoded', async () => {
  const lapel = await startLapelProcess()
  try {
    const one = await listening(lapel)
    const uuid = randomUUID()
    const topic = (what: string) => `v1/devices/me/recordings/${uuid}/${what}`
    const startedAt = Date.now()
    await one.device.publish(topic('start'), {
      boot: 1,
      codec: 'opus',
      sample_rate: 16_000,
      started_at: startedAt,
      clock_synced: true,
    })
    await one.device.publish(topic('chunks'), announcement([1, 2, 3]))
    await putGranted(one, 3)
    await putGranted(one, 1)
    await storedUpTo(one, 1)
    await putGranted(one, 2)
    await storedUpTo(one, 3)
    await one.device.publish(topic('chunks'), announcement([4]))
    await one.device.publish(topic('finish'), {
      boot: 1,
      total_chunks: seconds,
      total_bytes: Buffer.concat(chunks).length,
      duration_ms: 1_000 * seconds,
      ended_at: startedAt + 1_000 * seconds,
    })
    await putGranted(one, 4)
    const id = recordingIdOf(one.id, uuid)
    const read = async () => (await lapel.call(one.key, `GET /v1/recordings/${id}`)).body
    const isUploaded = async () => (await read())['status'] === 'uploaded'
    await until(isUploaded, { what: 'the whole recording', msMax: 30_000 })
    await until(async () => one.watermarks.at(-1)?.complete === true, { what: 'its last word' })

    const { body: given } = await lapel.call(one.key, `GET /v1/recordings/${id}/download-url`)
    const url = String(given['download_url'])
    const whole = Buffer.from(await (await fetch(url)).arrayBuffer())
    // The device did not know which page would be the last: its mark and its checksum are all that differs.
    const expected = Buffer.concat(chunks)
    assert.is(whole.length, expected.length)
    const last = expected.lastIndexOf('OggS')
    assert.ok(whole.subarray(0, last).equals(expected.subarray(0, last)))

    const { body } = await lapel.call(one.key, `GET /v1/recordings/${id}/certificate`)
    const checked = checkCertificate(body)
    assert.is(checked.kind, 'good')
    if (checked.kind === 'good') {
      assert.is(checked.signed.certificate.object.sha256, sha256Of(whole))
      assert.is(checked.signed.certificate.owner.end_user_id, one.person)
    }

    const chromium = await findChromium()
    if (chromium === undefined) console.log('no Chromium here: what a browser hears is not tried')
    else {
      const decoded = await decodeInChromium(chromium, url)
      assert.is(decoded.error, undefined)
      assert.is(decoded.type, 'audio/ogg')
      assert.ok(Math.abs((decoded.duration ?? 0) - seconds) < 0.05, `${decoded.duration} s`)
    }
    await one.device.end()
    assert.is(await lapel.stop(), 0)
  } finally {
    // Ends what still runs, the device's connection with it.
    await lapel.remove()
  }
})

test.run()

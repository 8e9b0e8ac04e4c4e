import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startLapelProcess } from '../support/lapel.ts'
import { objectsOf } from '../support/node-objects.ts'
import { serveLapel } from '../support/served-lapel.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const test = suite('a back-up, restored elsewhere')
const lapel = await serveLapel({ LAPEL_RATE_KEY: '0' })
const place = await temporaryFolder()
const dir = join(place.path, 'backup')
const bin = fileURLToPath(new URL('../../bin/lapel.js', import.meta.url))

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

const cli = (data: string, ...args: readonly string[]): Promise<Ended> =>
  promisify(execFile)(process.execPath, [bin, ...args, '--json'], {
    env: { ...process.env, LAPEL_DATA: data, LAPEL_HTTP: '127.0.0.1:0', LAPEL_MQTT: '127.0.0.1:0' },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )

/** Everything that a customer reads, as it comes. */
const readsOf = async (
  of: { call: typeof lapel.call },
  devices: readonly { id: string; endUser: string }[],
) => {
  const answers: Record<string, unknown> = {}
  for (const { id, endUser } of devices)
    for (const path of [
      `/v1/devices/${id}`,
      `/v1/devices/${id}/history?limit=100`,
      `/v1/end-users/${endUser}`,
      `/v1/devices?end_user_id=${endUser}`,
    ]) {
      const { status, headers, body } = await of.call(lapel.key, `GET ${path}`)
      answers[path] = { status, etag: headers.get('etag'), body }
    }
  return answers
}

const before = await Promise.all(Array.from({ length: 12 }, () => lapel.boundDevice()))
for (const { token } of before)
  await lapel.call(token, 'POST /v1/devices/me/heartbeat', { battery_percent: 50, seq: 1, boot: 1 })
const audio = Buffer.alloc(300_000, 'audio')
const sha256 = createHash('sha256').update(audio).digest('hex')
const key = `proj_A/rec_b/1/${sha256}-1`
const objects = await objectsOf(lapel)
await objects.write(key, audio, { bytes: audio.length, contentType: 'audio/ogg', sha256 })
const last = await lapel.api(`POST /v1/devices/${before[0]?.id}/unbind`)
const position = last.headers.get('position') ?? '0'

test('it is made while its node writes, whole and for its owner alone', async () => {
  let writing = true
  const during: string[] = []
  const writer = async () => {
    while (writing) during.push((await lapel.boundDevice()).id)
  }
  const writers = [writer(), writer()]
  const { code, stdout, stderr } = await cli(lapel.data, 'backup', dir)
  writing = false
  await Promise.all(writers)
  assert.is(code, 0, stderr)
  const made = JSON.parse(stdout)
  assert.ok(BigInt(made.position) >= BigInt(position))
  assert.ok(during.length > 0)
  assert.equal((await readdir(dir)).sort(), [
    'events.db',
    'manifest.json',
    'objects',
    'postgres.usage.api_keys.copy',
    'postgres.vault.subject_keys.copy',
    'secrets.json',
  ])
  for (const name of await readdir(dir, { recursive: true }))
    assert.is((await stat(join(dir, name))).mode & 0o077, 0, name)
  assert.is((await stat(dir)).mode & 0o077, 0)
  assert.equal(await readdir(place.path), ['backup'], 'nothing half-made is left')
})

test('restored elsewhere, every read is equal, and what was shown once still opens', async () => {
  const data = join(place.path, 'elsewhere')
  const { code, stdout, stderr } = await cli(data, 'restore', dir)
  assert.is(code, 0, stderr)
  assert.ok(JSON.parse(stdout).rows > before.length)
  const elsewhere = await startLapelProcess(
    { LAPEL_RATE_KEY: '0' },
    { path: data, remove: async () => {} },
  )
  try {
    await until(
      async () => {
        const answer = await elsewhere.call(lapel.key, 'GET /v1/devices?limit=1', undefined, {
          'min-position': position,
        })
        return answer.status === 200
      },
      { what: 'the read models' },
    )
    const restored = await objectsOf(elsewhere)
    const head = await restored.head(key)
    assert.equal(
      [head?.contentType, head?.bytes, head?.sha256],
      ['audio/ogg', audio.length, sha256],
    )
    restored.close()
    assert.equal(await readsOf(elsewhere, before), await readsOf(lapel, before))
    const beat = await elsewhere.call(before[1]?.token ?? '', 'POST /v1/devices/me/heartbeat', {})
    assert.is(beat.status, 200)
    const dead = await elsewhere.call(before[0]?.token ?? '', 'POST /v1/devices/me/heartbeat', {})
    assert.is(dead.status, 401)
    const rebuilt = (await elsewhere.cli('rebuild')) as { equal: boolean }[]
    assert.ok(rebuilt.every(({ equal }) => equal))
  } finally {
    await elsewhere.stop()
  }
  const again = await cli(data, 'restore', dir)
  assert.is(again.code, 1)
  assert.match(again.stderr, /is there already/)
})

test('what is not empty, not a back-up, or not as it was made is refused', async () => {
  const twice = await cli(lapel.data, 'backup', dir)
  assert.equal([twice.code, /is not empty/.test(twice.stderr)], [1, true])
  const elsewhere = join(place.path, 'third')
  const none = await cli(elsewhere, 'restore', place.path)
  assert.equal([none.code, /is no back-up/.test(none.stderr)], [1, true])
  const junk = join(place.path, 'junk')
  await mkdir(junk)
  for (const [text, why] of [
    ['garbage', /manifest\.json is damaged \(no JSON\): take another back-up/],
    ['', /manifest\.json is damaged/],
    ['[]', /manifest\.json is of a form that this version cannot read/],
  ] as const) {
    await writeFile(join(junk, 'manifest.json'), text)
    const refused = await cli(elsewhere, 'restore', junk)
    assert.is(refused.code, 1)
    assert.match(refused.stderr, why)
    assert.not.match(refused.stderr, /\n +at /)
  }
  await appendFile(join(dir, 'events.db'), 'x')
  const broken = await cli(elsewhere, 'restore', dir)
  assert.equal([broken.code, /is not what was backed up/.test(broken.stderr)], [1, true])
  assert.not.match(await readFile(join(dir, 'manifest.json'), 'utf8'), /PRIVATE KEY/)
  const stopped = await cli(elsewhere, 'backup', join(place.path, 'fourth'))
  assert.equal([stopped.code, /no node runs/.test(stopped.stderr)], [1, true])
})

test.after(async () => {
  objects.close()
  await lapel.stop()
  await lapel.remove()
  await place.remove()
})
test.run()

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { audio, headers, paddedSilence } from '../../src/cli/simulate/ogg-opus.ts'
import { decodeInChromium, findChromium } from '../support/chromium.ts'
import { isInstalled } from '../support/installed.ts'
import { type RunningLapel, startLapelProcess } from '../support/lapel.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const test = suite('a recording by hand, as docs/recordings.md shows it')

const page = await readFile(new URL('../../docs/recordings.md', import.meta.url), 'utf8')
const walk = page.slice(page.indexOf('## By hand'))
const lines = [...walk.matchAll(/```console\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
  block.trimEnd().split('\n'),
)
const commands = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2))
const expected = lines.filter((line) => !line.startsWith('$ '))

// 200 packets of 20 ms.
const seconds = 4
const voice = Buffer.concat([
  headers(7),
  audio(20, 10, { serial: 7, sequence: 2, granule: 0n }, (at) => paddedSilence(20 + (at % 9), 0)),
])

/** What the README's tour leaves behind. */
const toured = async (lapel: RunningLapel): Promise<NodeJS.ProcessEnv> => {
  const { key } = (await lapel.cli('keys', 'create', '--mode', 'test')) as { key: string }
  const post = async (path: string, body: object) =>
    (await lapel.call(key, `POST /v1/${path}`, body)).body
  const { id: person } = await post('end-users', { name: 'Ada' })
  const { id } = await post('devices', { serial_number: 'SN-HAND', model: 'bota_pin' })
  const { device_token } = await post(`devices/${id}/bind`, { end_user_id: person })
  return { ...process.env, KEY: key, DEVICE: String(id), TOKEN: String(device_token) }
}

const prelude = [
  `field() { node -pe "JSON.parse(require('fs').readFileSync(0)).$1"; }`,
  `api() { curl -s -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' "$@"; }`,
]

const tools = [
  ['mosquitto_pub', '--version'],
  ['mosquitto_sub', '--version'],
  ['curl', '--version'],
] as const
const areThere = tools.every(([tool, flag]) => isInstalled(`${tool} of the walk`, tool, [flag]))

if (areThere)
  test('mosquitto_pub, mosquitto_sub and curl make what a browser plays', async () => {
    const lapel = await startLapelProcess()
    const folder = await temporaryFolder()
    try {
      await writeFile(join(folder.path, 'voice.ogg'), voice)
      const script = [...prelude, ...commands]
        .join('\n')
        .replaceAll('http://127.0.0.1:8080', lapel.http)
        .replaceAll('-p 1883', `-p ${lapel.mqttPort}`)
      const { stdout } = await promisify(execFile)('bash', ['-c', script], {
        cwd: folder.path,
        env: await toured(lapel),
        timeout: 90_000,
      })
      const said = stdout.trimEnd().split('\n')
      assert.equal(said.slice(0, -1), expected.slice(0, -1), stdout)
      const url = said.at(-1) ?? ''
      assert.match(url, /^http:\/\//)
      const whole = Buffer.from(await (await fetch(url)).arrayBuffer())
      assert.is(whole.length, voice.length)
      const chromium = await findChromium()
      if (chromium === undefined)
        console.log('SKIPPED because it is missing: what a browser hears (chromium)')
      else {
        const { duration, error } = await decodeInChromium(chromium, url)
        assert.is(error, undefined)
        assert.ok(Math.abs((duration ?? 0) - seconds) < 0.05, `${duration} s`)
      }
    } finally {
      await lapel.stop()
      await lapel.remove()
      await folder.remove()
    }
  })

test.run()

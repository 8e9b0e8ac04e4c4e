import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isInstalled } from '../support/installed.ts'
import { serveLapel } from '../support/served-lapel.ts'
import { until } from '../support/until.ts'

// The examples of docs/firmware.md as they stand there, where their client is installed.

const test = suite('firmware examples')
const root = fileURLToPath(new URL('../../', import.meta.url))
const text = await readFile(new URL('../../docs/firmware.md', import.meta.url), 'utf8')
const codeOf = (language: string): string =>
  new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(text)?.[1] ?? ''
const lapel = await serveLapel()

type Example = {
  readonly language: string
  readonly percent: number
  readonly command: readonly [string, string]
  readonly client: string
  readonly isThere: () => boolean
}

const pythons = ['python3', '/usr/bin/python3']
const python = pythons.find((one) => isInstalled('paho-mqtt', one, ['-c', 'import paho.mqtt']))

const examples: readonly Example[] = [
  {
    language: 'sh',
    percent: 81,
    command: ['sh', '-c'],
    client: 'mosquitto_pub',
    isThere: () => isInstalled('the tools of Mosquitto', 'mosquitto_pub', ['--help']),
  },
  {
    language: 'python',
    percent: 82,
    command: [python ?? 'python3', '-c'],
    client: 'paho-mqtt',
    isThere: () => python !== undefined,
  },
  {
    language: 'js',
    percent: 83,
    command: [process.execPath, '--input-type=module'],
    client: 'MQTT.js',
    isThere: () => true,
  },
]

const says = async ({ language, percent, command: [program, flag] }: Example): Promise<void> => {
  const { id, token } = await lapel.boundDevice()
  const env = {
    ...process.env,
    LAPEL_HOST: '127.0.0.1',
    LAPEL_PORT: `${lapel.mqttPort}`,
    LAPEL_TOKEN: token,
  }
  const code = codeOf(language)
  assert.match(code, 'heartbeat')
  const args = language === 'js' ? [flag, '-e', code] : [flag, code]
  await promisify(execFile)(program, args, { env, cwd: root, timeout: 30_000 })
  await until(
    async () => (await lapel.api(`GET /v1/devices/${id}`)).body['battery_percent'] === percent,
    { what: `${percent} percent` },
  )
}

for (const example of examples) {
  if (example.isThere()) test(`${example.client} as it is shown`, () => says(example))
  else
    test(`SKIPPED: ${example.client} is not installed`, () => {
      assert.match(codeOf(example.language), 'heartbeat')
    })
}

test.after(async () => {
  await lapel.stop()
  await lapel.remove()
})

test.run()

import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startLapelProcess } from './support/lapel.ts'

const test = suite('README')
const root = fileURLToPath(new URL('../', import.meta.url))
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

type Step = { readonly command: string; readonly expected: readonly string[] }

/** The commands of the tour, each with the output that stands under it. */
const stepsOf = (text: string): readonly Step[] => {
  const steps: { command: string; expected: string[] }[] = []
  for (const [, block = ''] of text.matchAll(/```console\n([\s\S]*?)```/g))
    for (const line of block.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), expected: [] })
      else steps.at(-1)?.expected.push(line)
    }
  return steps
}

/** An ellipsis in the README stands for whatever differs from run to run. */
const matches = (expected: string, got: string): boolean => {
  const parts = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.+')}$`).test(got)
}

const mark = (i: number) => `--- step ${i} ---`
const has = (tool: string) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0
const standIn = (name: 'pub' | 'sub') =>
  has(`mosquitto_${name}`)
    ? ''
    : `mosquitto_${name}() { node test/support/mosquitto.ts ${name} "$@"; }`

test('the tour does what it says', async () => {
  const lapel = await startLapelProcess()
  try {
    const steps = stepsOf(readme)
    const script = steps
      .map(({ command }, i) => `echo '${mark(i)}'\n${command}`)
      .join('\n')
      .replaceAll('http://127.0.0.1:8080', lapel.http)
      .replaceAll('-p 1883', `-p ${lapel.mqttPort}`)
    const env = { ...process.env, LAPEL_DATA: lapel.data }
    const whole = [standIn('pub'), standIn('sub'), script].join('\n')
    const { stdout } = await promisify(execFile)('bash', ['-c', whole], {
      cwd: root,
      env,
      timeout: 60_000,
    })
    const outputs = stdout.split(/^--- step \d+ ---\n/m).slice(1)
    assert.is(outputs.length, steps.length)
    for (const [i, { command, expected }] of steps.entries()) {
      const got = (outputs[i] ?? '')
        .trimEnd()
        .split('\n')
        .filter((line) => line !== '')
      assert.is(got.length, expected.length, `${command}\n${got.join('\n')}`)
      for (const [k, line] of expected.entries())
        assert.ok(matches(line, got[k] ?? ''), `${command}\nexpected ${line}\ngot      ${got[k]}`)
    }
  } finally {
    await lapel.stop()
    await lapel.remove()
  }
})

test('every file that the documentation links to is there', async () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'docs/operating.md', 'docs/event-store.md']
  for (const page of pages) {
    const text = await readFile(new URL(`../${page}`, import.meta.url), 'utf8')
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      const base = new URL(`../${page}`, import.meta.url)
      assert.ok(existsSync(new URL(link, base)), `${page} links to ${link}`)
    }
  }
})

test('each runtime dependency has a line that says why', async () => {
  const { dependencies } = JSON.parse(
    await readFile(new URL('../package.json', import.meta.url), 'utf8'),
  )
  for (const name of Object.keys(dependencies)) assert.ok(readme.includes(`\`${name}\``), name)
})

test.run()

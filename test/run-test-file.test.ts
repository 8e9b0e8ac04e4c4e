import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isRunning } from './support/process-state.ts'
import { parseSummary, runTestFile } from './support/run-test-file.ts'
import { temporaryFolder } from './support/temporary-folder.ts'
import { until } from './support/until.ts'

const test = suite('the test runner')

const folder = await temporaryFolder()
test.after(folder.remove)

const uvu = fileURLToPath(import.meta.resolve('uvu'))
const head = `import { test } from '${uvu}'\n`

const run = async (source: string, msMax = 20_000) => {
  const file = join(folder.path, 'sample.test.mjs')
  await writeFile(file, head + source)
  return runTestFile(file, { msMax, env: process.env })
}

const outcome = async (source: string, msMax?: number) => {
  const { passed, failed, fault } = await run(source, msMax)
  return { passed, failed, fault }
}

test('counts what passed', async () => {
  assert.equal(await outcome(`test('a', () => {}); test('b', () => {}); test.run()`), {
    passed: 2,
    failed: 0,
    fault: undefined,
  })
})

test('counts what failed, and shows its output', async () => {
  const result = await run(
    `test('a', () => {}); test('b', () => { throw new Error('boom') }); test.run()`,
  )
  assert.is(result.passed, 1)
  assert.is(result.failed, 1)
  assert.match(result.output, 'boom')
})

const faulty: readonly (readonly [string, string, RegExp])[] = [
  ['a file that never runs its tests', `test('a', () => {})`, /ran no test/],
  ['a file without a test', `test.run()`, /ran no test/],
  ['an empty file', ``, /ran no test/],
  ['a file that throws before', `throw new Error('x')`, /ran no test/],
  [
    'a file that ends itself half-way',
    `test('a', () => process.exit(0)); test.run()`,
    /ran no test/,
  ],
  [
    'a test that is skipped',
    `test('a', () => {}); test.skip('b', () => {}); test.run()`,
    /skipped 1/,
  ],
  [
    'an exit code after the tests',
    `test('a', () => {}); test.run(); process.on('exit', () => { process.exitCode = 3 })`,
    /ended with code 3/,
  ],
]

for (const [name, source, fault] of faulty)
  test(`fails: ${name}`, async () => {
    const result = await outcome(source)
    assert.ok(result.failed >= 1)
    assert.match(result.fault ?? '', fault)
  })

test('fails: a file that does not end, with all that it started', async () => {
  const result = await run(
    `import { spawn } from 'node:child_process'
     const child = spawn('sleep', ['100'])
     console.log('child', child.pid)
     test('a', () => {}); test.run()`,
    1_500,
  )
  assert.match(result.fault ?? '', /did not end within 1.5 s/)
  const pid = Number(/child (\d+)/.exec(result.output)?.[1])
  await until(() => !isRunning(pid), { what: 'the end of its child' })
})

test('the summary is the last one, with or without colours', () => {
  const text =
    '  Total:     9\n  Passed:    9\n  Skipped:   0\n  Total:     3\n  Passed:  \u001b[32m  2\u001b[39m\n  Skipped:   0\n'
  assert.equal(parseSummary(text), { total: 3, passed: 2, skipped: 0 })
  assert.is(parseSummary('Total: 3'), undefined)
})

test.run()

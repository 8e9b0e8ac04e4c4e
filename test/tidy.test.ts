import { execFile } from 'node:child_process'
import { glob, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  cruiseComplaints,
  limitComplaints,
  lockFileComplaints,
  machinePathComplaints,
  modeComplaints,
  nameComplaints,
  type SourceFile,
  schemaComplaints,
  sha256,
  testFileComplaints,
  unfinishedComplaints,
  vanishedComplaints,
} from './support/tidy-checks.ts'

const test = suite('tidy')

const root = fileURLToPath(new URL('..', import.meta.url))

const run = async (command: string, args: readonly string[]): Promise<string> => {
  const options = { cwd: root, maxBuffer: 200_000_000 }
  const result = await promisify(execFile)(command, [...args], options).catch(
    (error: { stdout?: string }) => error, // depcruise ends with a code when it finds violations
  )
  return result.stdout ?? ''
}

const lines = (text: string) => text.split('\n').filter((line) => line !== '')

const matching = async (pattern: string | string[]): Promise<string[]> => {
  const found: string[] = []
  for await (const path of glob(pattern, { cwd: root })) found.push(path)
  return found.sort()
}

const read = async (path: string): Promise<SourceFile> => ({
  path,
  text: await readFile(join(root, path), 'utf8').catch(() => ''),
})

const readAll = async (pattern: string | string[]) =>
  Promise.all((await matching(pattern)).map(read))

/** Tracked files and new ones that are not ignored; without git, what the house is made of. */
const treeFiles = async (): Promise<string[]> => {
  const listed = lines(await run('git', ['ls-files', '-co', '--exclude-standard']))
  if (listed.length > 0) return [...new Set(listed)]
  return matching(['{src,protocol,projections,test,bench,docs,bin,.ci}/**/*.*', '*.*'])
}

const product = ['src/**/*.ts', 'protocol/**/*.ts', 'projections/**/*.ts']

const none = (complaints: readonly string[]) => assert.is(complaints.join('\n'), '')

test('every test file runs its suites, and all of their tests', async () => {
  const files = await readAll('test/**/*.test.ts')
  assert.ok(files.length > 5)
  none(files.flatMap(testFileComplaints))
})

test('bites: a suite that is not run, a test that is left out', () => {
  const of = (text: string) => testFileComplaints({ path: 'a.test.ts', text }).length
  assert.is(of("import { test } from 'uvu'\ntest('a', () => {})\n"), 1)
  assert.is(of("const a = suite('a')\nconst b = suite('b')\na.run()\n"), 1)
  assert.is(of("const a = suite('a')\na.only('one', () => {})\na.run()\n"), 1)
  assert.is(of("test('a', () => {})\n  test.skip('b', () => {})\ntest.run()\n"), 1)
  assert.is(of("const a = suite('a')\na('one', () => {})\na.run()\n"), 0)
})

test('nothing unfinished in the product', async () => {
  none((await readAll(product)).flatMap(unfinishedComplaints))
})

test('bites: a note of something unfinished', () => {
  for (const word of ['TODO', 'FIXME', 'XXX'])
    assert.is(unfinishedComplaints({ path: 'a.ts', text: `x\n// ${word}: later` }).length, 1)
  assert.is(unfinishedComplaints({ path: 'a.ts', text: 'mastodon' }).length, 0)
})

test('no junk drawers', async () => {
  const files = await matching('{src,protocol,projections,test,bench}/**/*')
  none(files.flatMap(nameComplaints))
})

test('bites: a junk drawer', () => {
  for (const path of ['src/utils.ts', 'src/helpers/a.ts', 'test/lib/a.ts', 'src/a/common.test.ts'])
    assert.is(nameComplaints(path).length, 1, path)
  assert.is(nameComplaints('src/library.ts').length, 0)
})

test('limits stand in protocol/limits.ts', async () => {
  none((await readAll(product)).flatMap(limitComplaints))
})

test('bites: a limit elsewhere', () => {
  const of = (text: string, path = 'src/a.ts') => limitComplaints({ path, text }).length
  assert.is(of('const bodyBytesMax = 4_096'), 1)
  assert.is(of('export const waitMsMax = other * 2'), 1)
  assert.is(of('  const queueItemsMax = 5'), 1)
  assert.is(of('export const bodyBytesMax = 4_096', 'protocol/limits.ts'), 0)
  assert.is(of("import { bodyBytesMax } from '../protocol/limits.ts'"), 0)
})

/** The modules of the product that dependency-cruiser saw. */
const cruise = async (folders: readonly string[]): Promise<string[]> => {
  const output = await run(process.execPath, [
    'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    ...folders,
  ])
  const { modules }: { modules: { source: string }[] } = JSON.parse(output)
  return modules.map(({ source }) => source)
}

test('dependency-cruiser sees every file', async () => {
  const files = await matching(product)
  assert.ok(files.length > 20)
  none(cruiseComplaints(await cruise(['src', 'protocol', 'projections']), files))
})

test('bites: files that were not cruised', async () => {
  const seen = await cruise(['protocol'])
  assert.ok(seen.includes('protocol/limits.ts'))
  assert.is(cruiseComplaints(seen, ['protocol/limits.ts', 'src/config.ts']).length, 1)
  assert.is(cruiseComplaints([], ['src/config.ts']).length, 1)
})

test('numbered SQL never changes', async () => {
  const pinned = JSON.parse((await read('test/projections/schema-hashes.json')).text)
  none(schemaComplaints(await readAll('projections/schema/*.sql'), pinned))
})

test('bites: SQL that is new, changed or gone', () => {
  const file = { path: 'projections/schema/0001-a.sql', text: 'create table a ();' }
  const pinned = { '0001-a.sql': sha256(file.text) }
  assert.is(schemaComplaints([file], pinned).length, 0)
  assert.match(schemaComplaints([file], {}).join(), /pin it/)
  assert.match(schemaComplaints([{ ...file, text: `${file.text} ` }], pinned).join(), /has changed/)
  assert.match(schemaComplaints([], pinned).join(), /gone/)
})

const isCode = (line: string): boolean => !/^\s*(\/\/|\/?\*|$)/.test(line)

test('the embedded event store is read in an hour: under 2,500 lines of code, its codec aside', async () => {
  const files = await readAll('src/embedded/event-store/*.ts')
  assert.ok(files.length > 20)
  const code = files.flatMap(({ text }) => text.split('\n').filter(isCode))
  assert.ok(code.length < 2_500, `${code.length} lines`)
})

test('a vector never disappears', async () => {
  const vectors = ['--', 'protocol/vectors']
  const known = await Promise.all([
    run('git', ['ls-tree', '-r', '--name-only', 'HEAD', ...vectors]),
    run('git', ['log', '--diff-filter=D', '--name-only', '--format=', ...vectors]),
  ])
  none(vanishedComplaints(known.flatMap(lines), await matching('protocol/vectors/**/*')))
})

test('bites: a vector that is gone', () => {
  assert.is(vanishedComplaints(['protocol/vectors/a.json'], ['protocol/vectors/b.json']).length, 1)
  assert.is(vanishedComplaints(['protocol/vectors/a.json'], ['protocol/vectors/a.json']).length, 0)
})

test('no path of one machine', async () => {
  const files = await Promise.all((await treeFiles()).map(read))
  assert.ok(files.length > 20)
  none(files.flatMap(machinePathComplaints))
})

test('bites: a path of one machine', () => {
  const of = (text: string) => machinePathComplaints({ path: 'a.md', text }).length
  for (const place of ['work', 'root', 'home/ann']) assert.is(of(`see (/${place}/notes)`), 1, place)
  assert.is(of('src/work/flow.ts, https://a.b/work/x, under /root (0700)'), 0)
})

test('the lock file names no registry', async () => {
  const lock = await read('package-lock.json')
  assert.ok(lock.text.length > 1_000)
  none(lockFileComplaints(lock))
})

test('bites: a lock file with addresses', () => {
  const text = '{"packages":{"node_modules/a":{"resolved":"https://registry/a.tgz"}}}'
  assert.is(lockFileComplaints({ path: 'package-lock.json', text }).length, 1)
})

test('bin/lapel.js can be executed', async () => {
  const { mode } = await stat(join(root, 'bin/lapel.js'))
  none(modeComplaints('bin/lapel.js', mode.toString(8)))
  const [tracked] = lines(await run('git', ['ls-files', '--stage', 'bin/lapel.js']))
  if (tracked !== undefined) none(modeComplaints('bin/lapel.js', tracked.slice(0, 6)))
})

test('bites: a mode without execution', () => {
  assert.is(modeComplaints('bin/lapel.js', '100644').length, 1)
})

test.run()

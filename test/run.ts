import { chmod, glob } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../src/embedded/postgres/start-postgres.ts'
import { keepLog } from './support/keep-log.ts'
import { runTestFile, type TestFileResult } from './support/run-test-file.ts'
import { temporaryFolder } from './support/temporary-folder.ts'

// `npm test [filter…]`: every test file in a process of its own, two at a time, one Postgres for all.

const atOnceMax = 2
const fileMsMax = 180_000
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const filters = process.argv.slice(2)

const findFiles = async (): Promise<string[]> => {
  const found: string[] = []
  for await (const file of glob('test/**/*.test.ts', { cwd: root }))
    if (filters.length === 0 || filters.some((filter) => file.includes(filter))) found.push(file)
  return found.sort()
}

const startDatabase = async (folder: string) => {
  const given = process.env['LAPEL_TEST_DATABASE_URL']
  if (given) return { url: given, stop: async () => {} }
  return startPostgres({ dataDir: join(folder, 'postgres'), log: keepLog().log })
}

const report = (result: TestFileResult) => {
  const { file, passed, failed, seconds, fault, output } = result
  if (failed > 0) console.log(output)
  const mark = failed > 0 ? 'FAILED' : 'passed'
  const why = fault === undefined ? '' : `  (${fault})`
  console.log(`${mark}  ${file}  ${passed} passed, ${failed} failed  ${seconds.toFixed(1)} s${why}`)
}

type Ground = { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal }

const runAll = async (files: readonly string[], { env, signal }: Ground) => {
  const results: TestFileResult[] = []
  const waiting = [...files]
  const worker = async () => {
    for (let file = waiting.shift(); file && !signal.aborted; file = waiting.shift()) {
      const result = await runTestFile(file, { msMax: fileMsMax, env, signal })
      results.push(result)
      report(result)
    }
  }
  await Promise.all(Array.from({ length: atOnceMax }, worker))
  return results
}

process.chdir(root)
const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => interrupted.abort())

const files = await findFiles()
// One folder for all that the files write, so that a file which was killed leaves nothing behind either.
const folder = await temporaryFolder()
await chmod(folder.path, 0o711) // Postgres may run under another account
const database = await startDatabase(folder.path)
const env = {
  ...process.env,
  TMPDIR: folder.path,
  LAPEL_TEST_DATABASE_URL: database.url,
  // Hundreds of processes that load the same modules: compiled once.
  NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/lapel'),
}
const results = await runAll(files, { env, signal: interrupted.signal })
await database.stop()
await folder.remove()

const sum = (of: (result: TestFileResult) => number) =>
  results.reduce((all, result) => all + of(result), 0)
const passed = sum((result) => result.passed)
const failed = sum((result) => result.failed)
for (const result of results.filter((one) => one.failed > 0)) console.log(`FAILED  ${result.file}`)
if (files.length === 0)
  console.log(`no test file matches ${filters.join(' ') || 'test/**/*.test.ts'}`)
if (interrupted.signal.aborted) console.log('interrupted')
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 || interrupted.signal.aborted ? 1 : 0

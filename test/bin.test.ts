import { execFileSync, spawn } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isRunning } from './support/process-state.ts'
import { temporaryFolder } from './support/temporary-folder.ts'
import { until } from './support/until.ts'

const test = suite('bin/lapel.js')

const source = fileURLToPath(new URL('../bin/lapel.js', import.meta.url))
const folder = await temporaryFolder()
test.after(folder.remove)

/** A package like ours around the real bin/lapel.js, with a CLI that tells how it was started. */
const bin = join(folder.path, 'bin/lapel.js')
const bundledNode = join(folder.path, 'node_modules/node/bin/node')
const cli = `
const [command = '']: string[] = process.argv.slice(2)
if (command === 'serve') {
  setInterval(() => {}, 1_000)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(name, () => { console.log('got', name); process.exit(0) })
}
console.log('ready', JSON.stringify({ major: Number(process.versions.node.split('.')[0]), pid: process.pid, args: process.argv.slice(2), reexec: process.env['LAPEL_NODE_REEXEC'] ?? null }))
if (command === 'exit') process.exit(7)
if (command === 'abort') process.kill(process.pid, 'SIGKILL')
if (command === 'echo') process.stdin.pipe(process.stdout)
`
await mkdir(join(folder.path, 'bin'))
await mkdir(join(folder.path, 'src/cli'), { recursive: true })
await mkdir(join(folder.path, 'node_modules/node/bin'), { recursive: true })
await copyFile(source, bin)
await writeFile(join(folder.path, 'package.json'), '{"type":"module"}')
await writeFile(join(folder.path, 'node_modules/node/package.json'), '{"name":"node"}')
await writeFile(join(folder.path, 'src/cli/main.ts'), cli)
await symlink(process.execPath, bundledNode)

// An old Node, as far as bin/lapel.js can tell; beside it every real one that this machine has.
const pretence = join(folder.path, 'pretend-old.cjs')
await writeFile(
  pretence,
  `if (!process.env.LAPEL_NODE_REEXEC || process.env.STAY_OLD)
     Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })`,
)

const majorOf = (node: string) => {
  try {
    return Number(/^v(\d+)/.exec(execFileSync(node, ['--version'], { encoding: 'utf8' }))?.[1])
  } catch {
    return Number.NaN
  }
}

type Node = { readonly name: string; readonly command: readonly string[] }
const oldNodes: readonly Node[] = [
  { name: 'a Node that says it is old', command: [process.execPath, '--require', pretence] },
  ...(process.env['PATH'] ?? '')
    .split(delimiter)
    .map((place) => join(place, 'node'))
    .filter((node) => majorOf(node) >= 12 && majorOf(node) < 24)
    .slice(0, 1)
    .map((node) => ({ name: `${node} (${majorOf(node)})`, command: [node] })),
]

const start = ({ command }: Node, args: readonly string[], env: Record<string, string> = {}) => {
  const [program = '', ...first] = command
  const child = spawn(program, [...first, bin, ...args], { env: { ...process.env, ...env } })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  const patience = setTimeout(() => child.kill('SIGKILL'), 20_000).unref()
  child.once('close', () => clearTimeout(patience))
  const ended = new Promise<{ code: number | null; signal: string | null; output: string }>(
    (done) => child.once('close', (code, signal) => done({ code, signal, output })),
  )
  const ready = () =>
    until(() => /^ready (.*)$/m.exec(output)?.[1], { what: 'the CLI' }).then(
      (json): { major: number; pid: number; args: string[]; reexec: string | null } =>
        JSON.parse(json),
    )
  return { child, ended, ready }
}

const current: Node = { name: 'this Node', command: [process.execPath] }

for (const node of [current, ...oldNodes]) {
  test(`${node.name}: the CLI runs on 24 or newer, with its arguments and exit code`, async () => {
    const run = start(node, ['exit', '--name', 'a b', ''])
    const { major, args, reexec } = await run.ready()
    assert.ok(major >= 24)
    assert.equal(args, ['exit', '--name', 'a b', ''])
    assert.is(reexec, null)
    assert.is((await run.ended).code, 7)
  })

  test(`${node.name}: a command that has nothing left to do ends`, async () => {
    assert.is((await start(node, ['config']).ended).code, 0)
  })

  test(`${node.name}: standard input arrives`, async () => {
    const run = start(node, ['echo'])
    run.child.stdin.end('from standard input')
    assert.match((await run.ended).output, 'from standard input')
  })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    test(`${node.name}: ${signal} reaches the CLI`, async () => {
      const run = start(node, ['serve'])
      await run.ready()
      run.child.kill(signal)
      const { code, output } = await run.ended
      assert.is(code, 0)
      assert.match(output, `got ${signal}`)
    })

  test(`${node.name}: a signal that ended the CLI is mirrored`, async () => {
    assert.is((await start(node, ['abort']).ended).signal, 'SIGKILL')
  })
}

for (const node of oldNodes) {
  test(`${node.name}: a kill -9 of it ends the CLI in order`, async () => {
    const run = start(node, ['serve'])
    const { pid } = await run.ready()
    run.child.kill('SIGKILL')
    assert.match((await run.ended).output, 'got SIGTERM')
    await until(() => !isRunning(pid), { what: 'the end of the CLI' })
  })

  test(`${node.name}: started by itself and still too old, it stops there`, async () => {
    const { code, output } = await start(node, ['config'], {
      LAPEL_NODE_REEXEC: '1',
      STAY_OLD: '1',
    }).ended
    assert.is(code, 1)
    assert.match(
      output,
      /needs Node 24 or newer; this is \d+\.\d+\.\d+, though another was asked for/,
    )
  })
}

for (const node of oldNodes)
  test(`${node.name}: without the package \`node\` it says what to do`, async () => {
    await rm(bundledNode)
    const missing = await start(node, ['config']).ended
    assert.is(missing.code, 1)
    assert.match(
      missing.output,
      /needs Node 24 or newer; this is \d+\.\d+\.\d+\.\nInstall Node 24 .* `npm install`/,
    )
    await writeFile(bundledNode, 'no program', { mode: 0o644 })
    const broken = await start(node, ['config']).ended
    assert.is(broken.code, 1)
    assert.match(broken.output, /does not run/)
    await rm(bundledNode)
    await symlink(process.execPath, bundledNode)
  })

test('no syntax that Node 12 lacks', async () => {
  const code = (await readFile(source, 'utf8')).replace(/\/\/.*$/gm, '')
  for (const newer of [/\?\./, /\?\?/, /\bawait\b/, /\|\|=|&&=/, /#\w+\s*[=(;]/])
    assert.not.match(code, newer)
})

test.run()

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type DataDir, findNode, lockDataDir, type NodeFile } from '../src/config-data-dir.ts'
import { superviseChild } from '../src/embedded/child-process.ts'
import { keepLog } from './support/keep-log.ts'
import { temporaryFolder } from './support/temporary-folder.ts'

const test = suite('config-data-dir')

const folder = await temporaryFolder()
test.after(folder.remove)

let folders = 0
const newPath = () => join(folder.path, `${folders++}`, 'data')

const node: NodeFile = {
  pid: process.pid,
  version: '0.1.0',
  http: '127.0.0.1:8080',
  mqtt: '127.0.0.1:1883',
  admin: 'bearer',
  eventstore_url: 'esdb://127.0.0.1:2113?tls=false',
  database_url: 'postgres://127.0.0.1/lapel',
  s3_endpoint: null,
}

const lock = async (path: string): Promise<DataDir> => {
  const locked = await lockDataDir(path, { waitMsMax: 5_000 })
  if (locked.kind === 'refused') throw new Error(locked.because)
  return locked.dataDir
}

test('made 0700, its folders too, and given back', async () => {
  const path = newPath()
  const dataDir = await lock(path)
  assert.is((await stat(path)).mode & 0o777, 0o700)
  assert.is((await stat(await dataDir.folder('postgres'))).mode & 0o777, 0o700)
  await dataDir.release()
  await dataDir.release()
  await (await lock(path)).release()
})

test('node.json: 0600, found while the node runs, gone at its stop', async () => {
  const path = newPath()
  const dataDir = await lock(path)
  assert.equal(await findNode(path), { kind: 'stopped' })
  await dataDir.writeNode(node)
  await dataDir.writeNode(node)
  assert.is((await stat(join(path, 'node.json'))).mode & 0o777, 0o600)
  assert.equal(JSON.parse(await readFile(join(path, 'node.json'), 'utf8')), node)
  assert.equal(await findNode(path), { kind: 'running', node })
  await dataDir.release()
  assert.equal(await findNode(path), { kind: 'stopped' })
  assert.equal(await readdir(path), ['lock.db'])
})

test('node.json of a killed node is stale, whoever has its pid now', async () => {
  const path = newPath()
  await (await lock(path)).release()
  await writeFile(join(path, 'node.json'), JSON.stringify(node)) // our own pid, which is alive
  assert.equal(await findNode(path), { kind: 'stopped', stalePid: process.pid })
  const dataDir = await lock(path)
  assert.equal(await findNode(path), { kind: 'stopped' }, 'the next start removes it')
  await dataDir.release()
})

test('node.json that no node wrote is told', async () => {
  const path = newPath()
  await mkdir(path, { recursive: true })
  for (const text of ['', '{}', '{"pid":"1"}']) {
    await writeFile(join(path, 'node.json'), text)
    assert.is((await findNode(path)).kind, 'unreadable')
  }
})

const holder = (path: string) =>
  superviseChild({
    name: 'holder',
    command: process.execPath,
    args: [
      '--input-type=module',
      '-e',
      `import { lockDataDir } from '${new URL('../src/config-data-dir.ts', import.meta.url).href}'
       const { kind } = await lockDataDir('${path}')
       process.stdin.on('end', () => process.exit(0)).resume()
       console.log('ready', kind)`,
    ],
    readyLine: /^ready locked/,
    restart: 'never',
    log: keepLog().log,
  })

test('held by another process: refused, naming its pid and LAPEL_DATA; free when it is killed', async () => {
  const path = newPath()
  const other = await holder(path)
  const pid = other.pid() ?? 0
  const refused = await lockDataDir(path, { waitMsMax: 200 })
  assert.is(refused.kind, 'refused')
  if (refused.kind === 'refused') {
    assert.match(refused.because, `the process ${pid}`)
    assert.match(refused.because, 'LAPEL_DATA')
  }
  const waiting = lock(path)
  process.kill(pid, 'SIGKILL')
  await (await waiting).release()
  await other.stop()
})

test('held within this process: refused, too', async () => {
  const path = newPath()
  const dataDir = await lock(path)
  assert.is((await lockDataDir(path, { waitMsMax: 0 })).kind, 'refused')
  assert.is((await findNode(path)).kind, 'stopped')
  assert.is((await lockDataDir(path, { waitMsMax: 0 })).kind, 'refused', 'a look does not free it')
  await dataDir.release()
})

test('a path that cannot be a folder is refused with its variable', async () => {
  const path = join(folder.path, 'file')
  await writeFile(path, '')
  const refused = await lockDataDir(join(path, 'data'))
  assert.match(refused.kind === 'refused' ? refused.because : '', /LAPEL_DATA.*ENOTDIR/)
})

test.run()

import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadConfig } from '../src/config.ts'
import { lockDataDir } from '../src/config-data-dir.ts'
import { openDatabases } from '../src/embedded/event-store/database.ts'
import { startServices } from '../src/main-services.ts'
import { connectEventStore } from '../src/store/eventstoredb.ts'
import { keepLog } from './support/keep-log.ts'
import { temporaryFolder } from './support/temporary-folder.ts'
import { until } from './support/until.ts'

const run = promisify(execFile)

/** The process that works on the folder. */
const pidOn = async (folder: string): Promise<number | undefined> => {
  const { stdout } = await run('ps', ['-axwwo', 'pid=,command='], { maxBuffer: 16 << 20 })
  const line = stdout.split('\n').find((one) => one.includes(`--data ${folder} `))
  return line === undefined ? undefined : Number.parseInt(line, 10)
}

test('an event store that is killed while the node starts is started again, and the node goes on', async () => {
  const folder = await temporaryFolder()
  const loaded = loadConfig(
    { LAPEL_DATA: folder.path, DATABASE_URL: 'postgres://nobody@127.0.0.1/x' },
    '/',
  )
  if (loaded.kind === 'faults') throw new Error('no configuration')
  const locked = await lockDataDir(folder.path)
  if (locked.kind === 'refused') throw new Error(locked.because)
  // While another has the folder, a start waits: long enough to be met by a kill.
  const data = join(folder.path, 'eventstore')
  await mkdir(data)
  const holder = await openDatabases(data)
  const { lines, log } = keepLog()
  const closing = new AsyncDisposableStack()
  const starting = startServices(loaded.config, locked.dataDir, log, closing)
  process.kill(await until(() => pidOn(data), { what: 'the first start' }), 'SIGKILL')
  await until(() => lines.some(({ message }) => message.includes('was killed')), {
    what: 'the word of the kill',
  })
  holder.close()
  const { eventStoreUrl } = await starting
  const store = connectEventStore(eventStoreUrl)
  assert.is(await store.holdsAny(['proj_']), false)
  await store.close()
  await closing.disposeAsync()
  await locked.dataDir.release()
  await folder.remove()
})

test.run()

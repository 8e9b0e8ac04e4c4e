import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Target } from '../../src/cli/api.ts'
import { isAsRecorded, shown, whenEnded } from '../../src/cli/simulate/check.ts'
import type { KeptRecording } from '../../src/cli/simulate/flash.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { until } from '../support/until.ts'
import { incompleteFile, killAgain, rebuildFaults, secretsOf, whenReady } from './aftermath.ts'
import { startUnderFire } from './node-under-fire.ts'
import { startRecordingLoad } from './recording-load.ts'
import { killsMax, sayVerdict } from './verdict.ts'
import { chainFaults, readLog } from './verify.ts'

// `npm run chaos -- --recordings 200`: kills -9 the node, the event store, Postgres or the object store at random moments while devices
// record and upload over lines that break, through power cuts, with flash that forgets. Then every recording must be complete and byte
// for byte what its device recorded, or incomplete with exactly the gaps that the device lost. `--control` has a node that raises the
// watermark before it looked, and must be caught.

const { values } = parseArgs({
  options: {
    recordings: { type: 'string', default: '200' },
    control: { type: 'boolean', default: false },
    devices: { type: 'string', default: '50' },
  },
})
const control = values.control
const kills = Math.min(Number(values.recordings), killsMax)
const settleMsMax = 300_000
const controlMsMax = 60_000
const lateMs = 1_000

const program = fileURLToPath(new URL('./short-days.ts', import.meta.url))
const lapel = await startUnderFire(control ? [program, '--believe'] : [program])
// Right after its start a node under load may not show its first project yet.
const { key } = await until(() => lapel.cli<{ key: string }>('keys', 'create', '--mode', 'test'), {
  msMax: 30_000,
  everyMs: 500,
  what: 'a key',
})
const target: Target = { url: lapel.http, bearer: key, admin: false, mqtt: undefined }
const load = await startRecordingLoad({ ...lapel, key }, Number(values.devices))
const faults: string[] = []

const told = ({ id, count, lost, watermark }: KeptRecording): string =>
  `${id}: ${count} chunks, ${JSON.stringify(lost)} lost, told ${JSON.stringify(watermark)}`

const givenUpAfter = (ms: number): (() => boolean) => {
  const started = performance.now()
  return () => performance.now() - started > ms
}

/** Of a recording of which nothing was lost. */
const wholeFault = async (kept: KeptRecording, givenUp: () => boolean) => {
  const now = await whenEnded(target, kept, givenUp)
  const wanted = kept.count === 0 ? 'failed' : 'uploaded'
  if (now?.status !== wanted) return `${told(kept)} is ${JSON.stringify(now)}`
  if (kept.count > 0 && !(await isAsRecorded(target, kept))) return `${kept.id} has other bytes`
  return undefined
}

/** Of one of whose chunks its device lost some: it ends with exactly those gaps. */
const gapFault = async (kept: KeptRecording, givenUp: () => boolean) => {
  const now = await whenEnded(target, kept, givenUp)
  const missing = JSON.stringify(now?.chunks.missing)
  if (now?.status === 'incomplete' && missing === JSON.stringify(kept.lost)) return undefined
  return `${told(kept)} is ${JSON.stringify(now)}`
}

const faultsOf = async (
  all: readonly KeptRecording[],
  fault: (kept: KeptRecording, givenUp: () => boolean) => Promise<string | undefined>,
): Promise<void> => {
  const givenUp = givenUpAfter(settleMsMax)
  for (const kept of all) {
    const found = await fault(kept, givenUp)
    if (found !== undefined) faults.push(found)
  }
}

/** The node is killed once more, and wakes with days that are over in a second. */
const endLate = async (): Promise<void> => {
  await writeFile(join(lapel.data, incompleteFile), String(lateMs))
  await lapel.kill('node')
  await whenReady(lapel)
}

const logFaults = async (): Promise<void> => {
  const store = connectEventStore((await lapel.nodeFile()).eventstore_url)
  const log = await readLog(store)
  await store.close()
  faults.push(...chainFaults(log.lifecycle, await secretsOf(lapel)))
  faults.push(...(await rebuildFaults(lapel)))
  console.log(`${log.lifecycle.length} lifecycle events in the log`)
}

const settled = async (): Promise<void> => {
  const undone = () => load.recordings().filter(({ isDone }) => !isDone)
  const isOver = () => undone().length === 0
  await until(isOver, { msMax: settleMsMax, everyMs: 500, what: 'all uploads' }).catch(async () => {
    for (const kept of undone())
      faults.push(`never stored: ${told(kept)}; ${JSON.stringify(await shown(target, kept))}`)
  })
}

/** Its device has freed all of it, as it was told, and can give nothing of it any more. */
const isFreed = ({ isClosed, count, held }: KeptRecording): boolean =>
  isClosed && count > 0 && held.length === 0

/** What came to its end by then: some of it hangs for ever behind a node that does not look. */
const settledMostly = (): Promise<unknown> => {
  const isOver = () => load.recordings().every((kept) => kept.isDone || isFreed(kept))
  return until(isOver, { msMax: controlMsMax, everyMs: 500, what: 'most' }).catch(() => {})
}

const summary = (all: readonly KeptRecording[]): string => {
  const { announced, stored, verified, disconnects, powerCuts, repeated, refused, errors } =
    load.tally
  return [
    `${all.length} recordings, ${announced} chunks announced, ${stored} put, ${verified} freed;`,
    `${disconnects} broken lines, ${powerCuts} power cuts, ${all.filter(({ lost }) => lost.length > 0).length} with lost flash,`,
    `${repeated} announcements repeated, ${refused} grants of no use; told: ${JSON.stringify(Object.fromEntries(errors))}`,
  ].join(' ')
}

try {
  await killAgain(lapel, kills, ['node', 'event store', 'postgres', 'object store'])
  await load.stop()
  await (control ? settledMostly() : settled())
  const all = load.recordings()
  console.log(summary(all))
  const [lossy, whole] = [
    all.filter(({ lost }) => lost.length > 0),
    all.filter(({ lost }) => lost.length === 0),
  ]
  if (!control) await faultsOf(whole, wholeFault)
  await endLate()
  if (control) await faultsOf(whole.filter(isFreed), wholeFault)
  else {
    await faultsOf(lossy, gapFault)
    await logFaults()
  }
} finally {
  await load.end()
  await lapel.stop()
}
sayVerdict(faults, control)

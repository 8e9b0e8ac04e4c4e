import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type Running, run } from './running.ts'

// `node test/event-store/crash-loop.ts [rounds]`: kill -9 at a random moment under 32 writers, again and again; after each
// round the log is read and compared with what was acknowledged.

export type Crashed = {
  readonly rounds: number
  readonly acknowledged: number
  readonly lost: number
  readonly moved: number
  readonly doubled: number
  readonly half: number
}

const writers = 32
/** Each append has three events: all of them are there, or none. */
const eventsOfAppend = 3

type Acknowledged = {
  readonly ids: readonly string[]
  readonly first: number
  readonly position: string
}
type Log = Map<string, Acknowledged[]>

const write = async (client: EventStoreDBClient, stream: string, log: Acknowledged[]) => {
  for (;;) {
    const ids = Array.from({ length: eventsOfAppend }, () => randomUUID())
    const events = ids.map((id) => jsonEvent({ id, type: 'a', data: { ids } }))
    try {
      const done = await client.appendToStream(stream, events)
      const last = Number(done.nextExpectedRevision)
      const position = String(done.position?.commit)
      log.push({ ids, first: last - eventsOfAppend + 1, position })
    } catch {
      return
    }
  }
}

const rowsOf = (folder: string, stream: string) => {
  const db = new DatabaseSync(join(folder, 'events.db'), { readOnly: true })
  const rows = db
    .prepare(
      `select lower(hex(e.id)) as id, e.revision, e.position from events e join streams s on s.id = e.stream
       where s.name = ? order by e.position`,
    )
    .all(stream)
  db.close()
  return rows.map((row) => ({
    id: String(row['id']),
    revision: Number(row['revision']),
    position: String(row['position']),
  }))
}

type Faults = { lost: number; moved: number; doubled: number; half: number }

const compare = (folder: string, stream: string, log: readonly Acknowledged[]): Faults => {
  const rows = rowsOf(folder, stream)
  const faults = { lost: 0, moved: 0, doubled: 0, half: 0 }
  faults.doubled += rows.length - new Set(rows.map(({ id }) => id)).size
  faults.moved += rows.filter(({ revision }, i) => revision !== i).length
  if (rows.length % eventsOfAppend !== 0) faults.half += 1
  for (const { ids, first, position } of log)
    for (const [i, id] of ids.entries()) {
      const row = rows[first + i]
      const isThere = row?.id === id.replaceAll('-', '')
      if (!isThere) faults.lost += 1
      else if (i === eventsOfAppend - 1 && row.position !== position) faults.moved += 1
    }
  return faults
}

const roundOf = async (folder: string, log: Log): Promise<void> => {
  const server: Running = await run(folder)
  const client = EventStoreDBClient.connectionString(server.url)
  const all = Array.from({ length: writers }, (_, i) => {
    const acknowledged = log.get(`w${i}`) ?? []
    log.set(`w${i}`, acknowledged)
    return write(client, `w${i}`, acknowledged)
  })
  await delay(100 + Math.random() * 400)
  await server.end('SIGKILL')
  await Promise.all(all)
  await client.dispose()
}

export const crashLoop = async (rounds: number): Promise<Crashed> => {
  const folder = await temporaryFolder()
  const log: Log = new Map()
  const sum = { lost: 0, moved: 0, doubled: 0, half: 0 }
  for (let round = 0; round < rounds; round += 1) {
    await roundOf(folder.path, log)
    if (round % 10 < 9 && round < rounds - 1) continue
    for (const [stream, acknowledged] of log) {
      const found = compare(folder.path, stream, acknowledged)
      for (const key of ['lost', 'moved', 'doubled', 'half'] as const) sum[key] += found[key]
    }
  }
  await folder.remove()
  const acknowledged = [...log.values()].reduce((all, one) => all + one.length, 0)
  return { rounds, acknowledged: acknowledged * eventsOfAppend, ...sum }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const crashed = await crashLoop(Number(process.argv[2] ?? 200))
  console.log(JSON.stringify(crashed))
  const { lost, moved, doubled, half } = crashed
  process.exit(lost + moved + doubled + half > 0 ? 1 : 0)
}

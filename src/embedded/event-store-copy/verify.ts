import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { eventStoreFaultsMax } from '../../../protocol/limits-embedded.ts'
import { recordOverheadBytes } from '../event-store/stored.ts'
import { FileRefused } from './backup.ts'

export type Verified = {
  readonly events: number
  readonly streams: number
  readonly last_position: number
  /** What is wrong, the first of it; empty when all is well. */
  readonly faults: readonly string[]
}

const integrity = (db: DatabaseSync): string[] =>
  db
    .prepare(`pragma integrity_check(${eventStoreFaultsMax})`)
    .all()
    .map((row) => String(row['integrity_check']))
    .filter((text) => text !== 'ok')

/** Revisions may be missing at the beginning of a stream alone, where a scavenge took them. */
const gaps = (db: DatabaseSync): string[] => {
  const scavenged = db.prepare("select value from state where name = 'scavenged_to'").get()
  return db
    .prepare(
      `select s.name, count(*) as held, min(e.revision) as first, max(e.revision) as last
       from events e join streams s on s.id = e.stream where e.revision >= 0 group by e.stream
       having held <> last - first + 1 or (first > 0 and ${scavenged ? 'false' : 'true'})
       limit ${eventStoreFaultsMax}`,
    )
    .all()
    .map(
      ({ name, held, first, last }) =>
        `${name} holds ${held} events from revision ${first} to ${last}`,
    )
}

/** The order of a stream is that of the log, and each position leaves room for what stands there. */
const places = (db: DatabaseSync): string[] =>
  db
    .prepare(
      `select position, what from (
         select position, case
           when revision <= lag(revision) over (partition by stream order by position) and revision >= 0
             then 'is out of the order of its stream'
           when position - lag(position, 1, 0) over (order by position)
             < ${recordOverheadBytes} + length(type) + length(data) + length(metadata) then 'overlaps the one before it'
           when length(id) <> 16 then 'has no id' end as what
         from events) where what is not null limit ${eventStoreFaultsMax}`,
    )
    .all()
    .map(({ position, what }) => `the event at position ${position} ${what}`)

const orphans = (db: DatabaseSync): string[] =>
  db
    .prepare(
      `select position from events where stream not in (select id from streams) limit ${eventStoreFaultsMax}`,
    )
    .all()
    .map(({ position }) => `the event at position ${position} is of no stream`)

/** Checks a log from end to end, while a store may be running on it. Throws `FileRefused`. */
export const verifyLog = (file: string): Verified => {
  if (!existsSync(file)) throw new FileRefused(`there is no ${file}`)
  const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 })
  try {
    const broken = integrity(db)
    // A file whose pages are wrong says nothing reliable about its events.
    const faults = broken.length > 0 ? broken : [...gaps(db), ...places(db), ...orphans(db)]
    const counted = db
      .prepare(
        'select count(*) as events, max(position) as last, count(distinct stream) as streams from events',
      )
      .get()
    return {
      events: Number(counted?.['events']),
      streams: Number(counted?.['streams']),
      last_position: Number(counted?.['last'] ?? 0),
      faults,
    }
  } catch (error) {
    return { events: 0, streams: 0, last_position: 0, faults: [String((error as Error).message)] }
  } finally {
    db.close()
  }
}

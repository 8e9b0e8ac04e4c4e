import type { Kysely } from 'kysely'
import type { Pool } from 'pg'
import type { Tables } from '../projections/tables.ts'
import { firstSweepMs, sweepEveryMs } from '../protocol/limits-recordings.ts'
import type { Config } from './config.ts'
import { exclusivelyBy } from './recordings/exclusively.ts'
import { openRecordingBytes, type RecordingBytes } from './recordings/open-bytes.ts'
import type { Ledger } from './store/ledger.ts'
import type { Log } from './store/log.ts'
import type { Meter } from './store/meter.ts'
import type { ObjectStore } from './store/object-store.ts'

type Deps = {
  readonly ledger: Ledger
  readonly objects: ObjectStore
  readonly database: { readonly pool: Pool; readonly db: Kysely<Tables> }
  readonly now: () => number
  readonly log: Log
  readonly meter: Meter
}

/** The movers of recordings' bytes, at work until the node closes; they sweep soon after the start and again and again. */
export const openBytes = (
  { database, ...deps }: Deps,
  { incompleteDays, chunkDays }: Pick<Config, 'incompleteDays' | 'chunkDays'>,
  closing: AsyncDisposableStack,
): RecordingBytes => {
  const bytes = openRecordingBytes({
    ...deps,
    db: database.db,
    exclusively: exclusivelyBy(database.pool),
    incompleteDays,
    chunkDays,
  })
  closing.defer(bytes.close)
  const sweeps = [
    setTimeout(() => void bytes.sweep(), firstSweepMs),
    setInterval(() => void bytes.sweep(), sweepEveryMs),
  ]
  closing.defer(async () => sweeps.forEach(clearTimeout))
  return bytes
}

import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../projections/tables.ts'
import type { ProjectId, RecordingId } from '../../protocol/ids.ts'
import { instantOf, msOf } from '../../protocol/instant.ts'
import {
  removalWindowDays,
  sweptRecordingsMax,
  sweptWholesMax,
} from '../../protocol/limits-recordings.ts'
import { chunkKey, recordingPrefix } from '../../protocol/object-keys.ts'
import { everyChunk } from '../domain/recording/chunks.ts'
import { fail, giveUp } from '../domain/recording/object-decisions.ts'
import { type KnownRecording, recording } from '../domain/recording/state.ts'
import { isComplete } from '../domain/recording/status.ts'
import { recordingStream } from '../store/streams.ts'
import { keepWhole } from './keep-whole.ts'
import { type BytesDeps, bySystem, type Place } from './ports.ts'
import { removeAll, removeChunks } from './remove.ts'
import { askAgain } from './stitch.ts'
import { readOpen, verifyChunks } from './verify.ts'

export type SweepDeps = BytesDeps & {
  readonly db: Kysely<Tables>
  /** After its finish: what did not come until then does not come any more. */
  readonly incompleteDays: number
  /** After it became one object: so long its chunks are kept. */
  readonly chunkDays: number
  /** It has all of its chunks. */
  readonly stitch: (place: Place) => void
}

const dayMs = 86_400_000

const keysOf = async ({ objects }: BytesDeps, { project, recording: id }: Place) => {
  const keys = new Set<string>()
  for await (const { key } of objects.list(recordingPrefix(project, id))) keys.add(key)
  return keys
}

/** What was counted as stored must be there; what is there and awaited may count. */
const compare = async (deps: SweepDeps, place: Place, state: KnownRecording): Promise<void> => {
  const keys = await keysOf(deps, place)
  const arrived: number[] = []
  for (const chunk of everyChunk(state.chunks)) {
    if (chunk.object !== null && !keys.has(chunk.object)) await askAgain(deps, place, chunk)
    if (chunk.object === null && keys.has(chunkKey(place, chunk))) arrived.push(chunk.index)
  }
  if (arrived.length > 0) await verifyChunks(deps, place, arrived)
}

/** Past its time a recording ends with what there is: named gaps, or a codec that nobody named. */
const endLate = async (deps: SweepDeps, place: Place): Promise<void> => {
  const state = await readOpen(deps, place)
  if (!state?.finish) return
  const afterMs = deps.incompleteDays * dayMs
  const at = instantOf(deps.now())
  const isLate = msOf(at) - msOf(state.finish.at) >= afterMs
  if (!isLate) return
  const stream = recordingStream(place.project, place.recording)
  const by = bySystem(place)
  if (!isComplete(state)) {
    await deps.ledger.transact(stream, recording, () => giveUp({ at, afterMs }), by)
    return
  }
  // A codec that is known is put together, however late.
  const reason = 'codec_unknown'
  if (state.codec === null)
    await deps.ledger.transact(stream, recording, () => fail({ reason }), by)
}

const sweepOpen = async (deps: SweepDeps, place: Place): Promise<void> => {
  const state = await readOpen(deps, place)
  if (!state) return
  await compare(deps, place, state)
  const now = await readOpen(deps, place)
  if (now && isComplete(now)) deps.stitch(place)
  await endLate(deps, place)
}

type Row = { readonly id: string; readonly project_id: string; readonly at: string }

const placeOf = ({ id, project_id }: Row): Place => ({
  project: project_id as ProjectId,
  recording: id as RecordingId,
})

/** Which rows of a kind come after a place, and what is done with each. */
type Round = {
  readonly rows: (db: Kysely<Tables>, after: Row) => Promise<readonly Row[]>
  readonly work: (place: Place) => Promise<void>
  /** How many a time. */
  readonly rowsMax: number
  /** Begins anew behind the last row; else it goes on where it was. */
  readonly isRing: boolean
}

const openRows = async (db: Kysely<Tables>, { id }: Row): Promise<readonly Row[]> =>
  (
    await sql<Row>`select id, project_id, '' as at from live.recordings
      where is_open and stage in ('recording', 'stitching') and id > ${id} order by id limit ${sweptRecordingsMax}`.execute(
      db,
    )
  ).rows

const uploadedRows = async (db: Kysely<Tables>, { id }: Row): Promise<readonly Row[]> =>
  (
    await sql<Row>`select id, project_id, '' as at from live.recordings
      where stage = 'uploaded' and deleted_at is null and id > ${id} order by id limit ${sweptWholesMax}`.execute(
      db,
    )
  ).rows

const rowsBetween =
  (column: 'closed_at' | 'deleted_at', until: () => string, condition: string) =>
  async (db: Kysely<Tables>, after: Row): Promise<readonly Row[]> => {
    const at = sql.raw(column)
    const query = sql<Row>`select id, project_id, ${at} as at from live.recordings
      where ${at} is not null and ${sql.raw(condition)} and ${at} <= ${until()} and (${at}, id) > (${after.at}, ${after.id})
      order by ${at}, id limit ${sweptRecordingsMax}`
    return (await query.execute(db)).rows
  }

/** One round after the other, each some recordings a time. What fails is met again. */
const createRound = (deps: SweepDeps, { rows, work, rowsMax, isRing }: Round, from: string) => {
  const first: Row = { id: '', project_id: '', at: from }
  let after = first
  return async (): Promise<void> => {
    const found = await rows(deps.db, after)
    for (const row of found)
      await work(placeOf(row)).catch((err: unknown) =>
        deps.log.warn({ err, recording: row.id }, 'a recording could not be swept'),
      )
    const last = found.at(-1)
    if (last) after = last
    if (isRing && found.length < rowsMax) after = first
  }
}

/**
 * Finds what nobody told of: chunks whose device never came back, counted and whole objects that are gone, recordings past their time, chunks past
 * theirs, objects of deleted recordings. After a start it looks at what ended within the last `removalWindowDays`.
 */
export const createSweep = (deps: SweepDeps): (() => Promise<void>) => {
  const ago = (days: number) => instantOf(deps.now() - days * dayMs)
  const some = { rowsMax: sweptRecordingsMax, isRing: false }
  const open: Round = {
    ...some,
    rows: openRows,
    work: (place) => sweepOpen(deps, place),
    isRing: true,
  }
  const uploaded: Round = {
    rows: uploadedRows,
    work: (place) => keepWhole(deps, place),
    rowsMax: sweptWholesMax,
    isRing: true,
  }
  const stitched: Round = {
    ...some,
    rows: rowsBetween('closed_at', () => ago(deps.chunkDays), "ended_how = 'stitched'"),
    work: (place) => removeChunks(deps, place),
  }
  const deleted: Round = {
    ...some,
    rows: rowsBetween('deleted_at', () => ago(0), 'true'),
    work: (place) => removeAll(deps, place),
  }
  const rounds = [
    createRound(deps, open, ''),
    // Before its chunks go.
    createRound(deps, uploaded, ''),
    createRound(deps, stitched, ago(deps.chunkDays + removalWindowDays)),
    createRound(deps, deleted, ago(removalWindowDays)),
  ]
  return async () => {
    await deps.exclusively('lapel:recordings:sweep', async () => {
      for (const round of rounds) await round()
    })
  }
}

import type { Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/** How far all of those projections have come: the least; `undefined` when one has not begun. */
export const readCheckpoint = async (
  db: Kysely<Tables>,
  projections: readonly string[],
): Promise<bigint | undefined> => {
  const rows = await db
    .selectFrom('live.checkpoints')
    .select('commit')
    .where('projection', 'in', projections)
    .execute()
  if (rows.length < projections.length) return undefined
  const commits = rows.map(({ commit }) => (commit === null ? undefined : BigInt(commit)))
  if (commits.includes(undefined)) return undefined
  return commits.reduce((least, one) => (least === undefined || (one ?? 0n) < least ? one : least))
}

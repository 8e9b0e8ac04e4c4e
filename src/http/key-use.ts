import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../projections/tables.ts'
import type { ApiKeyId } from '../../protocol/ids.ts'
import { type Instant, instantOf } from '../../protocol/instant.ts'
import { keyUseKeysMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import type { HttpDeps } from './ports.ts'

/** Notes that a key was used. Nobody waits for it, and a key is written at most once a minute. */
export type KeyUse = { readonly used: (id: ApiKeyId) => void }

type Deps = Pick<HttpDeps, 'shared' | 'now' | 'log'>

const everyMs = 60_000

const write = async ({ shared }: Deps, uses: ReadonlyMap<ApiKeyId, Instant>): Promise<void> => {
  const [ids, times] = [[...uses.keys()], [...uses.values()]]
  // Other nodes note the same key: the minute is counted where all of them see it.
  await sql`insert into usage.api_keys as u (key_id, used_at)
    select * from unnest(${ids}::text[], ${times}::timestamptz[])
    on conflict (key_id) do update set used_at = excluded.used_at
    where u.used_at <= excluded.used_at - interval '1 minute'`.execute(shared)
}

/** One statement at a time, however many keys are used at once. */
export const createKeyUse = (deps: Deps): KeyUse => {
  const notedMs = createLru<ApiKeyId, number>(keyUseKeysMax)
  let waiting = new Map<ApiKeyId, Instant>()
  let isWriting = false

  const flush = async (): Promise<void> => {
    if (isWriting) return
    isWriting = true
    while (waiting.size > 0) {
      const uses = waiting
      waiting = new Map()
      try {
        await write(deps, uses)
      } catch (err) {
        // The next use of each tries again.
        for (const id of uses.keys()) notedMs.delete(id)
        deps.log.debug({ err }, 'the use of API keys was not noted')
      }
    }
    isWriting = false
  }

  return {
    used: (id) => {
      const nowMs = deps.now()
      const before = notedMs.get(id)
      if (before !== undefined && nowMs - before < everyMs) return
      notedMs.set(id, nowMs)
      waiting.set(id, instantOf(nowMs))
      void flush()
    },
  }
}

/** When those keys were last used, to the minute; a key that never was is left out. */
export const lastUses = async (
  shared: Kysely<Tables>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Instant>> => {
  if (ids.length === 0) return new Map()
  const rows = await shared
    .selectFrom('usage.api_keys')
    .selectAll()
    .where('key_id', 'in', ids)
    .execute()
  return new Map(rows.map((row) => [row.key_id, instantOf(row.used_at.getTime())]))
}

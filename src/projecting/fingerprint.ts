import type { PoolClient } from 'pg'
import type { AnyProjection } from '../../projections/projection.ts'

/** SHA-256 over all rows of a table as text, in the order of their key, and over what was counted of them: equal if and only if those are. */
export const fingerprint = async (
  client: PoolClient,
  schema: string,
  { name, key }: AnyProjection,
): Promise<string> => {
  const { rows } = await client.query<{ fingerprint: string }>(
    `select encode(sha256(convert_to(coalesce(string_agg(md5(t::text), '' order by t.${key} collate "C"), '') || coalesce((
       select string_agg(c::text, '' order by c.project_id collate "C", c.name collate "C") from ${schema}.counts c
       where c.projection = '${name}' and c.rows <> 0), ''), 'UTF8')), 'hex') as fingerprint
     from ${schema}.${name} t`,
  )
  return rows[0]?.fingerprint ?? ''
}

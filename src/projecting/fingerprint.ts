import type { PoolClient } from 'pg'
import type { AnyProjection } from '../../projections/projection.ts'

/** SHA-256 over all rows of a table as text, in the order of their key: equal if and only if the tables are. */
export const fingerprint = async (
  client: PoolClient,
  schema: string,
  { name, key }: AnyProjection,
): Promise<string> => {
  const { rows } = await client.query<{ fingerprint: string }>(
    `select encode(sha256(convert_to(coalesce(string_agg(md5(t::text), '' order by t.${key} collate "C"), ''), 'UTF8')), 'hex') as fingerprint
     from ${schema}.${name} t`,
  )
  return rows[0]?.fingerprint ?? ''
}

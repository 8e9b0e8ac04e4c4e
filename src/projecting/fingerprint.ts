import type { PoolClient } from 'pg'
import type { AnyProjection } from '../../projections/projection.ts'

/**
 * SHA-256 over what all rows of a table come to, whatever their order, and over what was counted of them. Of each row 128 bits are taken by
 * Postgres' own hash of its values, and summed: a sort of a table, and its text, would take three times as long.
 */
export const fingerprint = async (
  client: PoolClient,
  schema: string,
  { name }: AnyProjection,
): Promise<string> => {
  const { rows } = await client.query<{ fingerprint: string }>(
    `select encode(sha256(convert_to(concat_ws(' ', (
       select concat_ws(' ', count(*), sum(hash_record_extended(t, 0)), sum(hash_record_extended(t, 1))) from ${schema}.${name} t), (
       select string_agg(c::text, '' order by c.project_id collate "C", c.name collate "C") from ${schema}.counts c
       where c.projection = '${name}' and c.rows <> 0)), 'UTF8')), 'hex') as fingerprint`,
  )
  return rows[0]?.fingerprint ?? ''
}

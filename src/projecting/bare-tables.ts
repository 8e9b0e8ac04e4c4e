import type { PoolClient } from 'pg'

type Part = { readonly table: string; readonly drop: string; readonly make: string }

// An index that a constraint stands on comes and goes with it.
const parts = `
  select 1 as place, t.relname as table, format('alter table %s drop constraint %I', t.oid::regclass, c.conname) as drop,
    format('alter table %s add constraint %I %s', t.oid::regclass, c.conname, pg_get_constraintdef(c.oid)) as make
  from pg_constraint c join pg_class t on t.oid = c.conrelid
  where t.relnamespace = $1::regnamespace and t.relname = any($2) and c.contype in ('p', 'u', 'x')
  union all
  select 2, t.relname, format('drop index %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
  from pg_index i join pg_class t on t.oid = i.indrelid
  where t.relnamespace = $1::regnamespace and t.relname = any($2)
    and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))
  order by place, make`

/**
 * Takes indexes and the constraints that stand on one from tables that are to be filled: each is made faster from all rows at once. Gives the
 * statements that bring them back, by table. In a transaction whose `search_path` does not hold the schema.
 */
export const bare = async (
  client: PoolClient,
  schema: string,
  tables: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const { rows } = await client.query<Part>(parts, [schema, tables])
  await client.query(rows.map(({ drop }) => drop).join(';'))
  const byTable = Map.groupBy(rows, ({ table }) => table)
  return new Map([...byTable].map(([table, parts]) => [table, parts.map(({ make }) => make)]))
}

import type { PoolClient } from 'pg'

/** The role that reads of the management API run under. It sees rows of the project world that its connection is set to, and no others. */
export const readerRole = 'lapel_reader'
/** Names the project world of a connection. */
export const worldSetting = 'lapel.project'

/** Neither is the role there nor may this user make it. */
export class ReaderRoleMissing extends Error {
  override readonly name = 'ReaderRoleMissing'
}

// Roles belong to the whole server, on which another database may be at the same at once.
const makeRole = `do $$ begin
  if exists (select from pg_roles where rolname = '${readerRole}') then return; end if;
  create role ${readerRole} nologin nosuperuser nobypassrls;
  if not (select rolsuper from pg_roles where rolname = current_user) then
    execute format('grant ${readerRole} to %I', current_user);
  end if;
exception when duplicate_object or unique_violation then null;
end $$`

// Row security keeps an index from a condition that might tell of other rows. This one tells nothing but its answer, which only a superuser
// may say: elsewhere a filter of metadata costs a look at each device of the project.
const trustContains = `do $$ begin
  if (select proleakproof from pg_proc where oid = 'pg_catalog.jsonb_contains(jsonb, jsonb)'::regprocedure) then return; end if;
  alter function pg_catalog.jsonb_contains(jsonb, jsonb) leakproof;
exception when insufficient_privilege then null;
end $$`

const insufficientPrivilege = '42501'

/** Makes the role where there is none. Throws `ReaderRoleMissing`. */
export const makeReaderRole = async (client: PoolClient): Promise<void> => {
  try {
    await client.query(makeRole)
    await client.query(trustContains)
  } catch (error) {
    if ((error as { code?: string }).code !== insufficientPrivilege) throw error
    throw new ReaderRoleMissing(
      `this user of Postgres may not make the role ${readerRole}: have an administrator run "create role ${readerRole} nologin" and grant it to this user`,
      { cause: error },
    )
  }
}

// "is not distinct from" finds no index: while a table has no statistics, Postgres would rather look through a whole project than take one
// row by its key.
const policy = 'own_world'

/**
 * The second wall: every table of a project world shows the reader's role the rows of one world, whatever a statement asks for. A table
 * without `project_id` is not granted to it at all.
 */
export const protectReadModels = async (client: PoolClient, schema: string): Promise<void> => {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_class c
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = '${policy}')
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped)`,
    [schema],
  )
  if (rows.length === 0) return
  const world = `current_setting('${worldSetting}', true)`
  await client.query(
    [
      `grant usage on schema ${schema} to ${readerRole}`,
      ...rows.flatMap(({ name }) => [
        `alter table ${schema}.${name} enable row level security`,
        `drop policy if exists one_world on ${schema}.${name}`,
        `create policy ${policy} on ${schema}.${name} for select to ${readerRole} using (project_id is not distinct from ${world})`,
        `grant select on ${schema}.${name} to ${readerRole}`,
      ]),
    ].join(';\n'),
  )
}

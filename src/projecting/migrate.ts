import { readdir, readFile } from 'node:fs/promises'
import type { Pool, PoolClient } from 'pg'
import { makeReaderRole, protectReadModels } from './row-security.ts'

/** The database was made by a newer version. */
export class SchemaTooNew extends Error {
  override readonly name = 'SchemaTooNew'
}

const folder = new URL('../../projections/schema/', import.meta.url)
// Any number that nobody else locks with.
export const migrationLock = 7_214_001

export type SchemaFile = { readonly number: number; readonly name: string; readonly sql: string }

/** The numbered files, which never change once they were published. */
export const schemaFiles = async (): Promise<readonly SchemaFile[]> => {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-.*\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => ({
      number: Number(name.slice(0, 4)),
      name,
      sql: await readFile(new URL(name, folder), 'utf8'),
    })),
  )
}

const isLive = ({ name }: SchemaFile): boolean => name.includes('-live')

/** Makes the tables of the read models in a schema of their own. */
export const createReadModels = async (client: PoolClient, schema: string): Promise<void> => {
  await client.query(`create schema ${schema}`)
  await client.query(`set local search_path = ${schema}, public`)
  for (const file of (await schemaFiles()).filter(isLive)) await client.query(file.sql)
  await client.query('set local search_path = default')
  await protectReadModels(client, schema)
}

const apply = async (client: PoolClient, file: SchemaFile): Promise<void> => {
  await client.query('begin')
  try {
    // The number first: a second node that does the same at once fails here, not half-way.
    await client.query('insert into lapel_schema (number, name) values ($1, $2)', [
      file.number,
      file.name,
    ])
    if (isLive(file)) {
      await client.query('create schema if not exists live')
      await client.query('set local search_path = live, public')
    }
    await client.query(file.sql)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** Brings the database up to this version's schema; any number of nodes may do so at once. Throws `SchemaTooNew`, `ReaderRoleMissing`. */
export const migrate = async (pool: Pool): Promise<void> => {
  const files = await schemaFiles()
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock])
    await client.query(
      'create table if not exists public.lapel_schema (number integer primary key, name text not null, applied_at timestamptz not null default now())',
    )
    const { rows } = await client.query<{ number: number }>('select number from lapel_schema')
    const done = new Set(rows.map(({ number }) => number))
    const newest = Math.max(0, ...done)
    const known = Math.max(...files.map(({ number }) => number))
    if (newest > known)
      throw new SchemaTooNew(
        `the database has schema ${newest}, this version knows up to ${known}: start the newer Lapel`,
      )
    for (const file of files) if (!done.has(file.number)) await apply(client, file)
    await makeReaderRole(client)
    await protectReadModels(client, 'live')
  } finally {
    await client.query('select pg_advisory_unlock($1)', [migrationLock]).catch(() => {})
    client.release()
  }
}

import { Kysely, PostgresDialect } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import type { Tables } from '../projections/tables.ts'
import type { ProjectId } from '../protocol/ids.ts'
import { worldReadersMax } from '../protocol/limits-postgres.ts'
import { createLru } from '../protocol/lru.ts'
import { readerRole, worldSetting } from './projecting/row-security.ts'

/** What a connection of the pool starts with: the role that row security holds to one world. */
export const readerOptions = `-c role=${readerRole}`

/** Reads of one project world; a statement without its filter sees that world's rows all the same, and only them. */
export type WorldReads = (project: ProjectId) => Kysely<Tables>

/**
 * A connection stays set to the world that it last read, so that reads of one world cost nothing more, and a change of worlds costs a
 * round trip.
 */
export const openWorldReads = (pool: Pool): WorldReads => {
  const worlds = new WeakMap<PoolClient, ProjectId>()
  const known = createLru<ProjectId, Kysely<Tables>>(worldReadersMax)

  const enter = async (client: PoolClient, project: ProjectId): Promise<PoolClient> => {
    worlds.delete(client)
    try {
      await client.query(`select set_config('${worldSetting}', $1, false)`, [project])
    } catch (error) {
      client.release(error as Error)
      throw error
    }
    worlds.set(client, project)
    return client
  }

  const readerOf = (project: ProjectId): Kysely<Tables> => {
    const connect = async (): Promise<PoolClient> => {
      const client = await pool.connect()
      return worlds.get(client) === project ? client : enter(client, project)
    }
    const { options } = pool
    return new Kysely({
      dialect: new PostgresDialect({ pool: { options, connect, end: async () => {} } }),
    })
  }

  return (project) => {
    const seen = known.get(project)
    if (seen) return seen
    const reader = readerOf(project)
    known.set(project, reader)
    return reader
  }
}

import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres/start-postgres.ts'
import { keepLog } from './keep-log.ts'
import { temporaryFolder } from './temporary-folder.ts'

export type FreshDatabase = { readonly url: string; drop(): Promise<void> }

type Server = { readonly url: string; release(): Promise<void> }

/** The server that test/run.ts started for the whole run. */
const sharedUrl = process.env['LAPEL_TEST_DATABASE_URL']

let own: Promise<EmbeddedPostgres & { remove(): Promise<void> }> | undefined
let users = 0

const startOwn = async () => {
  const folder = await temporaryFolder()
  const postgres = await startPostgres({ dataDir: folder.path, log: keepLog().log })
  return { ...postgres, remove: folder.remove }
}

/** One embedded Postgres a process, stopped when its last database is dropped. */
const ownServer = async (): Promise<Server> => {
  users += 1
  own ??= startOwn()
  const { url } = await own
  const release = async () => {
    users -= 1
    if (users > 0 || !own) return
    const ending = own
    own = undefined
    const { stop, remove } = await ending
    await stop()
    await remove()
  }
  return { url, release }
}

const execute = async (url: string, sql: string) => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/**
 * An empty database of its own on a real Postgres. `drop` removes it, cutting off who is still connected;
 * after it nothing of this holds the process.
 */
export const freshDatabase = async (): Promise<FreshDatabase> => {
  const server: Server = sharedUrl ? { url: sharedUrl, release: async () => {} } : await ownServer()
  const name = `test_${randomBytes(8).toString('hex')}`
  await execute(server.url, `create database ${name}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  let dropped: Promise<void> | undefined
  const drop = async () => {
    await execute(server.url, `drop database if exists ${name} with (force)`)
    await server.release()
  }
  return {
    url: url.href,
    drop: () => {
      dropped ??= drop()
      return dropped
    },
  }
}

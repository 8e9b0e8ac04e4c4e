import { sql } from 'kysely'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listApiKeys } from '../../projections/api-keys.ts'
import { listDevices, readDevice } from '../../projections/devices.ts'
import { listEndUsers, readEndUser } from '../../projections/end-users.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import { customerOf, serve } from './served.ts'

const test = suite('row-level security, the second wall')
const served = await serve()
const { stage } = served
const [mine, theirs] = [await served.newProject(), await served.newProject()]
const [a, b] = [mine.test as ProjectId, theirs.test as ProjectId]
const own = await (await customerOf(served, a)).bound()
const foreign = await (await customerOf(served, b)).bound()
await served.call(await served.keyFor(b), 'GET /v1/devices')

type Named = { name: string }

const tables = async (): Promise<readonly string[]> => {
  const { rows } = await sql<Named>`
    select c.relname as name from pg_class c
    where c.relnamespace = 'live'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`.execute(
    stage.db,
  )
  return rows.map(({ name }) => name).sort()
}

const readable = async (): Promise<readonly string[]> => {
  const { rows } = await sql<Named>`
    select c.relname as name from pg_class c
    where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
      and has_table_privilege('lapel_reader', c.oid, 'select, insert, update, delete')`.execute(
    stage.db,
  )
  return rows.map(({ name }) => name).sort()
}

test('with the filter removed no foreign row is seen, and with another’s in its place none at all', async () => {
  const reads = stage.reads(a)
  const everyDevice = await reads.selectFrom('live.devices').selectAll().execute()
  assert.equal([...new Set(everyDevice.map(({ project_id }) => project_id))], [a])
  assert.is(await readDevice(reads, b, foreign.id), undefined)
  assert.is(await readEndUser(reads, b, foreign.person), undefined)
  assert.equal(await listDevices(reads, b, { limit: 100 }), [])
  assert.equal(await listEndUsers(reads, b, { limit: 100 }), [])
  assert.equal(await listApiKeys(reads, b, { limit: 100 }), [])
})

test('bites: without the wall the same statements see them', async () => {
  assert.is((await readDevice(stage.db, b, foreign.id))?.id, foreign.id)
  assert.is((await readDevice(stage.reads(b), b, foreign.id))?.id, foreign.id)
  assert.is((await readDevice(stage.reads(a), a, own.id))?.id, own.id)
})

test('every table of a world shows one world; the others are not to be read at all', async () => {
  const open = await readable()
  assert.equal(
    (await tables()).filter((name) => !open.includes(name)),
    ['checkpoints', 'lost_nodes', 'projects'],
  )
  for (const name of open) {
    const count = await sql<{ foreign: string }>`
      select count(*) filter (where project_id is distinct from ${a}) as foreign from ${sql.table(`live.${name}`)}`.execute(
      stage.reads(a),
    )
    assert.is(count.rows[0]?.foreign, '0', name)
  }
})

test('a connection that names no world sees nothing, and none of them may write', async () => {
  const nowhere = stage.reads('' as ProjectId)
  assert.equal(await nowhere.selectFrom('live.devices').selectAll().execute(), [])
  for (const statement of [
    sql`update live.devices set name = 'x'`,
    sql`select * from vault.subject_keys`,
    sql`select * from live.projects`,
    sql`select * from live.checkpoints`,
  ])
    assert.match(await statement.execute(stage.reads(a)).then(String, String), /permission denied/)
})

test('a connection that changes worlds changes what it sees', async () => {
  const ids = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const project = i % 2 === 0 ? a : b
      const rows = await stage.reads(project).selectFrom('live.devices').selectAll().execute()
      return rows.every(({ project_id }) => project_id === project) && rows.length > 0
    }),
  )
  assert.ok(ids.every(Boolean))
})

test('a rebuilt table has the wall again', async () => {
  const rebuilt = await served.projector.rebuild(['devices'])
  assert.ok(rebuilt.kind === 'rebuilt' && rebuilt.models.every(({ equal }) => equal))
  const rows = await stage.reads(a).selectFrom('live.devices').select('project_id').execute()
  assert.equal([...new Set(rows.map(({ project_id }) => project_id))], [a])
})

test.after(served.end)
test.run()

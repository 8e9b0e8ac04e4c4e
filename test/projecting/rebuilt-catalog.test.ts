import { randomBytes, randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId, newNodeId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { ingestStream } from '../../src/store/streams.ts'
import { openStage } from '../support/stage.ts'

const test = suite('what a rebuild leaves in the catalog')
const stage = await openStage()
const projector = stage.projector()
const heartbeats = stage.heartbeats()

const facts = `
  select t.relname || ': ' || fact as fact from pg_class t, lateral (
    select format('column %s %s %s not null %s default %s storage %s', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
      (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = t.oid and d.adnum = a.attnum), a.attstorage) as fact
    from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
    union all select pg_get_indexdef(i.indexrelid) || ' valid ' || i.indisvalid || ' deferred ' || not i.indimmediate
    from pg_index i where i.indrelid = t.oid
    union all select format('constraint %s %s', c.conname, pg_get_constraintdef(c.oid)) from pg_constraint c where c.conrelid = t.oid
    union all select format('policy %s for %s using %s', p.polname, p.polcmd, pg_get_expr(p.polqual, p.polrelid)) from pg_policy p where p.polrelid = t.oid
    union all select format('security %s forced %s granted %s with %s persists %s', t.relrowsecurity, t.relforcerowsecurity, t.relacl, t.reloptions, t.relpersistence)
  ) f
  where t.relnamespace = 'live'::regnamespace and t.relkind in ('r', 'p') order by 1`

const catalog = async (): Promise<readonly string[]> => {
  const { rows } = await stage.pool.query<{ fact: string }>(facts)
  return rows.map(({ fact }) => fact)
}

test('every column, index, constraint, policy and grant of the live tables is there afterwards', async () => {
  const p = await stage.world()
  const node = newNodeId(randomBytes)
  const d = newId('dev_', randomBytes)
  const numbers = { boot: 1, seq: 1, rx: instantOf(Date.now()) }
  const beat = { k: 'heartbeat', via: 'mqtt', p, d, by: 'AAAAAAAAAAAA', ...numbers, data: {} }
  const data = Buffer.from(JSON.stringify({ v: 1, entries: [beat] }))
  const event = { id: randomUUID(), type: 'IngestCommitted', data, metadata: { v: 1, node } }
  const done = await stage.store.append(ingestStream(node, 0, Date.now()), [event], 'no_stream')
  if (done.kind !== 'appended') throw new Error(done.kind)
  for (const one of [projector, heartbeats]) assert.ok(await one.waitFor(done.position, 20_000))
  const before = await catalog()
  for (const part of [
    'EXCLUDE USING gist',
    'DEFERRABLE',
    'USING gin',
    'WHERE',
    'policy own_world',
    'lapel_reader=r',
    'PRIMARY KEY',
    'fillfactor=70',
    'heartbeats_20',
  ])
    assert.ok(
      before.some((fact) => fact.includes(part)),
      part,
    )
  for (const rebuild of [projector.rebuild, heartbeats.rebuild]) {
    const outcome = await rebuild()
    assert.ok(outcome.kind === 'rebuilt' && outcome.models.length > 0)
  }
  assert.equal(await catalog(), before)
})

test.after(async () => {
  await projector.close()
  await heartbeats.close()
  await stage.end()
})
test.run()

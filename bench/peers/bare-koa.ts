import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import pg from 'pg'

/** Handlers as one would write them first: Koa, a router, one statement each, the row as JSON; no credential, no log. */
const pool = new pg.Pool({ connectionString: process.argv[2], max: 8 })
await pool.query(`create schema if not exists bare;
  create table if not exists bare.devices (id serial primary key, serial_number text unique, model text, owner text);
  create table if not exists bare.events (device text, revision int, data jsonb, primary key (device, revision))`)

const bodyOf = async (ctx: Context): Promise<Record<string, string>> => {
  let text = ''
  for await (const piece of ctx.req) text += piece
  return JSON.parse(text || '{}')
}
const router = new Router()
router.get('/v1/devices/:id', async (ctx) => {
  const { rows } = await pool.query('select * from live.devices where id = $1', [ctx.params['id']])
  if (!rows[0]) ctx.throw(404)
  ctx.body = rows[0]
})
router.get('/v1/devices', async (ctx) => {
  const { rows } = await pool.query(
    'select * from live.devices order by created_at desc, id desc limit 25',
  )
  ctx.body = { data: rows }
})
router.get('/v1/devices/:id/history', async (ctx) => {
  const { rows } = await pool.query(
    'select * from bare.events where device = $1 order by revision desc limit 50',
    [ctx.params['id']],
  )
  ctx.body = { data: rows }
})
router.post('/v1/devices', async (ctx) => {
  const { serial_number, model } = await bodyOf(ctx)
  const { rows } = await pool.query(
    'insert into bare.devices (serial_number, model) values ($1, $2) returning *',
    [serial_number, model],
  )
  ctx.status = 201
  ctx.body = rows[0]
})
for (const verb of ['bind', 'unbind'])
  router.post(`/v1/devices/:id/${verb}`, async (ctx) => {
    const { end_user_id } = await bodyOf(ctx)
    const { rows } = await pool.query(
      'insert into bare.devices (serial_number, owner) values ($1, $2) on conflict (serial_number) do update set owner = $2 returning *',
      [ctx.params['id'], end_user_id ?? null],
    )
    ctx.body = rows[0]
  })
router.post('/fill/:id', async (ctx) => {
  await pool.query(
    "insert into bare.events select $1, i, jsonb_build_object('type', 'DeviceUpdated', 'name', i) from generate_series(0, 60) i on conflict do nothing",
    [ctx.params['id']],
  )
  ctx.body = {}
})
const server = new Koa().use(router.routes()).listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(`ready ${typeof address === 'object' ? address?.port : ''}`)
})

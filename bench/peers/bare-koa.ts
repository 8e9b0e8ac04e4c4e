import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import pg from 'pg'

/** Handlers as one would write them first: Koa, a router, one statement each, the row as JSON; no credential, no log. */
const pool = new pg.Pool({ connectionString: process.argv[2], max: 8 })
await pool.query(`create schema if not exists bare;
  create table if not exists bare.devices (id serial primary key, serial_number text unique, model text, owner text);
  create table if not exists bare.events (device text, revision int, id text, type text, position text, at text, actor text,
    request_id text, data jsonb, primary key (device, revision))`)
const project = (await pool.query('select project_id from live.devices limit 1')).rows[0]
  ?.project_id

// The columns that Lapel's reply is made of, for the same rows.
const device = `select d.*, h.device_name, h.firmware_version as reported_firmware, h.battery_percent, h.storage_used_mb, h.storage_total_mb,
  h.signal_strength_dbm, h.last_heartbeat_at, h.device_state, h.pending_recordings, h.flags, h.connection_type, h.session_id, h.last_seen_at,
  h.last_seen_via, h.session_since, h.presence_reason
  from live.devices d left join live.device_health h on h.device_id = d.id`

const bodyOf = async (ctx: Context): Promise<Record<string, unknown>> => {
  let text = ''
  for await (const piece of ctx.req) text += piece
  return JSON.parse(text || '{}')
}
const router = new Router()
router.get('/v1/devices/:id', async (ctx) => {
  const { rows } = await pool.query(`${device} where d.id = $1`, [ctx.params['id']])
  if (!rows[0]) ctx.throw(404)
  ctx.body = rows[0]
})
router.get('/v1/devices', async (ctx) => {
  const { rows } = await pool.query(
    `${device} where d.project_id = $1 and d.status <> 'retired' order by d.created_at desc, d.id desc limit 25`,
    [project],
  )
  ctx.body = { data: rows }
})
router.get('/v1/devices/:id/history', async (ctx) => {
  const { rows } = await pool.query(
    'select id, type, revision, position, at, actor, request_id, data from bare.events where device = $1 order by revision desc limit 50',
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
/** The events that Lapel answered, to be read back as rows. */
router.post('/fill/:id', async (ctx) => {
  await pool.query(
    `insert into bare.events select $1, e.* from jsonb_to_recordset($2::jsonb) as
       e (revision int, id text, type text, position text, at text, actor text, request_id text, data jsonb) on conflict do nothing`,
    [ctx.params['id'], JSON.stringify((await bodyOf(ctx))['data'])],
  )
  ctx.body = {}
})
const server = new Koa().use(router.routes()).listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(`ready ${typeof address === 'object' ? address?.port : ''}`)
})

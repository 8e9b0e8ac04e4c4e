import Router from '@koa/router'
import Koa from 'koa'
import pg from 'pg'

/** A handler as one would write it first: Koa, a router, one select by primary key, the row as JSON. */
const pool = new pg.Pool({ connectionString: process.argv[2], max: 8 })
const router = new Router()
router.get('/v1/devices/:id', async (ctx) => {
  const { rows } = await pool.query('select * from live.devices where id = $1', [ctx.params['id']])
  if (!rows[0]) ctx.throw(404)
  ctx.body = rows[0]
})
const server = new Koa().use(router.routes()).listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(`ready ${typeof address === 'object' ? address?.port : ''}`)
})

import type { RequestListener, ServerResponse } from 'node:http'
import { Router, type RouterContext } from '@koa/router'
import Koa, { type Middleware, type ParameterizedContext } from 'koa'
import { admit } from './access.ts'
import { authenticate } from './authenticate.ts'
import { readJson } from './body.ts'
import { boundary, type RequestState } from './boundary.ts'
import { type Call, openRoute, type Route } from './call.ts'
import { compress } from './compress.ts'
import { createKeyUse } from './key-use.ts'
import type { HttpDeps } from './ports.ts'
import { notFound, Problem } from './problems.ts'
import { createRateLimits, type RateLimits } from './rate-limits.ts'
import { respond } from './respond.ts'

const router = () => new Router<RequestState>({ strict: true, sensitive: true })

/** What a path takes, in answer to OPTIONS, or to a method that is not among it: 405. */
const refuseMethod = (ctx: ParameterizedContext<RequestState>, methods: ReadonlySet<string>) => {
  const allow = [...methods, 'OPTIONS'].sort().join(', ')
  if (ctx.method !== 'OPTIONS')
    throw new Problem('method_not_allowed', { headers: { Allow: allow } })
  ctx.set('Allow', allow)
  ctx.status = 204
}

type Counting = HttpDeps & { readonly limits: RateLimits }
type Count = (ctx: ParameterizedContext<RequestState>) => Promise<void>

/** What no route takes counts too and says what is left, where the credential tells whose it is. */
const counter =
  (deps: Counting): Count =>
  async (ctx) => {
    const { headers, req } = ctx
    if (headers.authorization === undefined) return
    const credential = { headers, remote: req.socket.remoteAddress ?? '' }
    const caller = await authenticate(deps, credential).catch(() => undefined)
    if (caller) ctx.set({ ...deps.limits.take(caller) })
  }

/** A path that is written out is not the id of another: what it does not take goes no further. */
const writtenOut = (routes: readonly Route[], count: Count): Middleware<RequestState> => {
  const taken = Map.groupBy(
    routes.filter(({ path }) => !path.includes(':')),
    ({ path }) => path,
  )
  return async (ctx, next) => {
    const methods = new Set<string>(taken.get(ctx.path)?.map(({ method }) => method))
    if (methods.has('GET')) methods.add('HEAD')
    if (methods.size === 0 || methods.has(ctx.method)) return next()
    await count(ctx)
    refuseMethod(ctx, methods)
  }
}

/** No route took it: 404, or for a path that others take 405 (OPTIONS: 204). */
const unmatched =
  (table: ReturnType<typeof router>, count: Count): Middleware<RequestState> =>
  async (ctx) => {
    await count(ctx)
    const layers = table.match(ctx.path, ctx.method).path
    const methods = new Set(layers.flatMap((layer) => layer.methods))
    if (methods.size === 0) throw notFound()
    refuseMethod(ctx, methods)
  }

/** Made where somebody asks for it: most answers are out before anybody could go away. */
const goneOf = (response: ServerResponse): AbortSignal => {
  const gone = new AbortController()
  if (response.closed) gone.abort()
  else response.once('close', () => gone.abort())
  return gone.signal
}

const noQuery = new URLSearchParams()

const callOf = (ctx: RouterContext<RequestState>): Call => {
  let json: Promise<unknown> | undefined
  return {
    requestId: ctx.state.requestId,
    method: ctx.method,
    path: ctx.path,
    params: ctx.params,
    query: ctx.querystring === '' ? noQuery : new URLSearchParams(ctx.querystring),
    headers: ctx.headers,
    remote: ctx.req.socket.remoteAddress ?? '',
    gone: () => goneOf(ctx.res),
    readJson: () => {
      json ??= readJson(ctx.req, () => ctx.res.writeContinue())
      return json
    },
    readRaw: () => {
      // RFC 9110, 10.1.1: who waits for our leave gets it only now.
      if (ctx.req.headers.expect !== undefined) ctx.res.writeContinue()
      return ctx.req
    },
  }
}

/** Koa's side of the management API: a listener for `node:http` that serves the table. */
export const createHttpApp = (routes: readonly Route[], deps: HttpDeps): RequestListener => {
  const app = new Koa<RequestState>()
  const table = router()
  const admitting = { ...deps, limits: createRateLimits(deps), keyUse: createKeyUse(deps) }

  for (const route of routes) {
    const open = openRoute(route, deps)
    table.register(route.path, [route.method], async (ctx) => {
      const setHeaders = (headers: Readonly<Record<string, string>>) => ctx.set({ ...headers })
      respond(ctx, await admit(admitting, open, callOf(ctx), setHeaders))
      await compress(ctx)
    })
  }

  app.use(boundary(deps))
  const count = counter(admitting)
  app.use(writtenOut(routes, count))
  app.use(table.routes())
  app.use(unmatched(table, count))
  // Only a response that broke off comes here: the boundary has everything else.
  app.on('error', (err: unknown) => deps.log.debug({ err }, 'a response broke off'))
  return app.callback()
}

import type { RequestListener } from 'node:http'
import { Router, type RouterContext } from '@koa/router'
import Koa, { type Middleware } from 'koa'
import type { Scope } from '../../protocol/scopes.ts'
import { admit } from './access.ts'
import { readJson } from './body.ts'
import { boundary, type RequestState } from './boundary.ts'
import type { AdminCall, Call, DeviceAccess, Handler, ProjectCall, Route } from './call.ts'
import type { HttpDeps } from './ports.ts'
import { notFound, Problem } from './problems.ts'
import { createRateLimits } from './rate-limits.ts'
import { respond } from './respond.ts'
import { createKey, listKeys, revokeKey, rotateKey } from './routes/api-keys.ts'
import { bindDevice } from './routes/bind-device.ts'
import { createDevice } from './routes/create-device.ts'
import { createEndUser } from './routes/create-end-user.ts'
import { deviceHistory } from './routes/device-history.ts'
import { live, metrics, ready } from './routes/health.ts'
import { heartbeat } from './routes/heartbeat.ts'
import { listDevices } from './routes/list-devices.ts'
import { listEndUsers } from './routes/list-end-users.ts'
import { createProject, listProjects } from './routes/projects.ts'
import { readDevice } from './routes/read-device.ts'
import { readEndUser } from './routes/read-end-user.ts'
import { rebuild } from './routes/rebuild.ts'
import { refreshToken } from './routes/refresh-token.ts'
import { unbindDevice } from './routes/unbind-device.ts'
import { updateDevice } from './routes/update-device.ts'

type At = `${Route['method']} /${string}`

const placed = (at: At) => {
  const [method, path = '/'] = at.split(' ')
  return { method: method as Route['method'], path }
}

const open = (at: At, handle: Handler<Call>): Route => ({ ...placed(at), access: 'anyone', handle })

/** From loopback, or with the `metrics` bearer. */
const operator = (at: At, handle: Handler<Call>): Route => ({
  ...placed(at),
  access: 'operator',
  handle,
})

/** With the bearer of this start, from loopback. */
const admin = (at: At, handle: Handler<AdminCall>): Route => ({
  ...placed(at),
  access: 'admin',
  handle,
})

/** With a key that has the scope; `device` says whether the device's own token opens it too, or alone. */
const scoped =
  (scope: Scope, device: DeviceAccess = 'never') =>
  (at: At, handle: Handler<ProjectCall>): Route => ({
    ...placed(at),
    access: { scope, device },
    handle,
  })

const endUsersRead = scoped('end_users:read')
const endUsersWrite = scoped('end_users:write')
const devicesRead = scoped('devices:read')
const devicesReadOrOwn = scoped('devices:read', 'own')
const devicesWrite = scoped('devices:write')
const devicesWriteOrOwn = scoped('devices:write', 'own')
const ownTokenOnly = scoped('devices:write', 'only')

/** Every route there is. */
const routesOf = (deps: HttpDeps): readonly Route[] => [
  open('GET /health/live', live()),
  open('GET /health/ready', ready(deps)),
  operator('GET /metrics', metrics(deps)),

  endUsersWrite('POST /v1/end-users', createEndUser(deps)),
  endUsersRead('GET /v1/end-users', listEndUsers(deps)),
  endUsersRead('GET /v1/end-users/:id', readEndUser(deps)),

  devicesWrite('POST /v1/devices', createDevice(deps)),
  devicesRead('GET /v1/devices', listDevices(deps)),
  devicesReadOrOwn('GET /v1/devices/:id', readDevice(deps)),
  devicesWrite('PATCH /v1/devices/:id', updateDevice(deps)),
  devicesWrite('POST /v1/devices/:id/bind', bindDevice(deps)),
  devicesWrite('POST /v1/devices/:id/unbind', unbindDevice(deps)),
  ownTokenOnly('POST /v1/devices/:id/token/refresh', refreshToken(deps)),
  devicesWriteOrOwn('POST /v1/devices/:id/heartbeat', heartbeat(deps)),
  devicesRead('GET /v1/devices/:id/history', deviceHistory(deps)),

  admin('POST /internal/projects', createProject(deps)),
  admin('GET /internal/projects', listProjects(deps)),
  admin('POST /internal/api-keys', createKey(deps)),
  admin('GET /internal/api-keys', listKeys(deps)),
  admin('POST /internal/api-keys/:id/rotate', rotateKey(deps)),
  admin('DELETE /internal/api-keys/:id', revokeKey(deps)),
  admin('POST /internal/rebuild', rebuild(deps)),
]

const router = () => new Router<RequestState>({ strict: true, sensitive: true })

/** No route took it: 404, or for a path that others take 405 (OPTIONS: 204) with what they take. */
const unmatched =
  (table: ReturnType<typeof router>): Middleware<RequestState> =>
  (ctx) => {
    const layers = table.match(ctx.path, ctx.method).path
    const methods = new Set(layers.flatMap((layer) => layer.methods))
    if (methods.size === 0) throw notFound()
    const allow = [...methods, 'OPTIONS'].sort().join(', ')
    if (ctx.method !== 'OPTIONS')
      throw new Problem('method_not_allowed', { headers: { Allow: allow } })
    ctx.set('Allow', allow)
    ctx.status = 204
  }

const callOf = (ctx: RouterContext<RequestState>): Call => {
  let json: Promise<unknown> | undefined
  return {
    requestId: ctx.state.requestId,
    method: ctx.method,
    path: ctx.path,
    params: ctx.params,
    query: new URLSearchParams(ctx.querystring),
    headers: ctx.headers,
    remote: ctx.req.socket.remoteAddress ?? '',
    readJson: () => {
      json ??= readJson(ctx.req, () => ctx.res.writeContinue())
      return json
    },
  }
}

/** Koa's side of the management API: a listener for `node:http`, and the table that it serves. */
export const createHttpApp = (
  deps: HttpDeps,
): { readonly listener: RequestListener; readonly routes: readonly Route[] } => {
  const app = new Koa<RequestState>()
  const table = router()
  const routes = routesOf(deps)
  const admitting = { ...deps, limits: createRateLimits(deps) }

  for (const route of routes)
    table.register(route.path, [route.method], async (ctx) => {
      const setHeaders = (headers: Readonly<Record<string, string>>) => ctx.set({ ...headers })
      respond(ctx, await admit(admitting, route, callOf(ctx), setHeaders))
    })

  app.use(boundary(deps))
  app.use(table.routes())
  app.use(unmatched(table))
  // Only a response that broke off comes here: the boundary has everything else.
  app.on('error', (err: unknown) => deps.log.debug({ err }, 'a response broke off'))
  return { listener: app.callback(), routes }
}

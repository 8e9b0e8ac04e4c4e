import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type {
  Actor,
  DeviceId,
  MediaId,
  ProjectId,
  RecordingId,
  RequestId,
} from '../../protocol/ids.ts'
import type { Scope } from '../../protocol/scopes.ts'
import type { DevicePrincipal, KeyPrincipal } from '../auth/ports.ts'
import type { Position } from '../store/event-store.ts'
import type { Operation } from './operation.ts'
import type { HttpDeps } from './ports.ts'

/** Who holds the bearer of this start (operating contract, "The running node"). `project` is what `Lapel-Project` names. */
export type AdminPrincipal = { readonly kind: 'admin'; readonly project: ProjectId | null }
/** Who holds an upload token: of one recording, and of one file of it where `mediaId` says so (decision 9). */
export type UploadPrincipal = {
  readonly kind: 'upload'
  readonly project: ProjectId
  readonly recordingId: RecordingId
  readonly mediaId: MediaId | undefined
  readonly by: Actor
}
export type Caller = DevicePrincipal | KeyPrincipal | AdminPrincipal | UploadPrincipal

/** A request as a handler meets it: the caller is known and may, the body is not read yet. */
export type Call = {
  readonly requestId: RequestId
  readonly method: string
  /** As it was asked for, without the query. */
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly remote: string
  /** Tells when the caller went away. */
  readonly gone: () => AbortSignal
  /** The strict JSON of the body, or `undefined` without one. Throws a `Problem`. */
  readonly readJson: () => Promise<unknown>
  /** The bytes of the body, for a route that takes other than JSON. */
  readonly readRaw: () => Readable
}

/** A call that stands in one project world. */
export type ProjectCall = Call & {
  readonly caller: Caller
  readonly project: ProjectId
  readonly actor: Actor
}

/** A call with an upload token in its path. */
export type UploadCall = Call & { readonly upload: UploadPrincipal }

/** A call with the bearer of this start. */
export type AdminCall = Call & { readonly project: ProjectId | null; readonly actor: 'cli' }

export const jsonType = 'application/json; charset=utf-8'

/** What a handler answers; `app.ts` makes bytes of it. */
export type Reply = {
  readonly status: 200 | 201 | 204 | 503
  /** To be written as JSON, text as it is, or what comes bit by bit; nothing of it is sent with 204. */
  readonly body: object | string | Readable
  /** Of a text; Prometheus' own where nothing is said. */
  readonly type?: string
  /** Beside those that every reply has. */
  readonly headers?: Readonly<Record<string, string>>
  /** Of the last event written, or the point of the log that a read stands for. */
  readonly position?: Position | null | undefined
  /** Makes the `ETag`. `representation` is what a GET answers, where the body is something else. */
  readonly resource?: { readonly revision: number; readonly representation: object } | undefined
  /** The body holds a secret, or the repeat of a request that made one. */
  readonly secret?: boolean
  readonly replayed?: boolean
}

export type Handler<Met extends Call> = (call: Met) => Promise<Reply>

/**
 * Whether a device's own token opens the route: never, for its own record, or nothing else does. `recordings`: the handler looks whether
 * what is named is a recording of that device.
 */
export type DeviceAccess = 'never' | 'own' | 'only' | 'recordings'

type Methods = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Who a route is for: with a key that has the scope, or (`device`) with the device's own token. */
export type Scoped = {
  readonly scope: Scope
  readonly device: DeviceAccess
  /** An upload token of the recording that the path names opens it too. */
  readonly upload?: true
}

type RouteOf<Access, Met extends Call> = {
  readonly method: Methods
  readonly path: string
  readonly operation: Operation
  readonly access: Access
  /** The handler, on the rest of Lapel. */
  readonly on: (deps: HttpDeps) => Handler<Met>
}

/** A line of the table of routes. */
export type Route =
  | RouteOf<'anyone' | 'operator' | 'object-store', Call>
  | RouteOf<'admin', AdminCall>
  | RouteOf<'upload', UploadCall>
  | RouteOf<Scoped, ProjectCall>

type OpenRouteOf<Access, Met extends Call> = RouteOf<Access, Met> & {
  readonly handle: Handler<Met>
}

/** The same with its handler at work. */
export type OpenRoute =
  | OpenRouteOf<'anyone' | 'operator' | 'object-store', Call>
  | OpenRouteOf<'admin', AdminCall>
  | OpenRouteOf<'upload', UploadCall>
  | OpenRouteOf<Scoped, ProjectCall>

const opened = <Access, Met extends Call>(
  route: RouteOf<Access, Met>,
  deps: HttpDeps,
): OpenRouteOf<Access, Met> => ({ ...route, handle: route.on(deps) })

const isScoped = (route: Route): route is RouteOf<Scoped, ProjectCall> =>
  typeof route.access === 'object'

export const openRoute = (route: Route, deps: HttpDeps): OpenRoute => {
  if (isScoped(route)) return opened(route, deps)
  if (route.access === 'upload') return opened(route, deps)
  return route.access === 'admin' ? opened(route, deps) : opened(route, deps)
}

/** The device that `{id}` names to a device's own token: itself, by `me` or by its id. */
export const ownDevice = (caller: DevicePrincipal, id: string): DeviceId | undefined =>
  id === 'me' || id === caller.deviceId ? caller.deviceId : undefined

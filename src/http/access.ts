import type { Actor, ProjectId } from '../../protocol/ids.ts'
import type { Scope } from '../../protocol/scopes.ts'
import type { DevicePrincipal } from '../auth/ports.ts'
import {
  authenticate,
  bearerOf,
  isLocal,
  projectNamed,
  sameSecret,
  unauthorized,
  uploaderOf,
} from './authenticate.ts'
import {
  type Call,
  type Caller,
  type DeviceAccess,
  type OpenRoute,
  ownDevice,
  type Reply,
  type Scoped,
} from './call.ts'
import type { KeyUse } from './key-use.ts'
import type { HttpDeps } from './ports.ts'
import { Problem } from './problems.ts'
import { checkNames } from './query.ts'
import type { RateLimits } from './rate-limits.ts'

type Headers = Readonly<Record<string, string>>
type Deps = HttpDeps & { readonly limits: RateLimits; readonly keyUse: KeyUse }

const lacksScope = (scope: Scope): Problem =>
  new Problem('insufficient_scope', {
    message: `The API key lacks the scope ${scope}.`,
    headers: {
      'WWW-Authenticate': `Bearer realm="lapel", error="insufficient_scope", scope="${scope}"`,
    },
  })

const deviceMay = (caller: DevicePrincipal, device: DeviceAccess, id: string | undefined) =>
  device === 'recordings' || (device !== 'never' && ownDevice(caller, id ?? '') !== undefined)

/** Throws 403 for a caller that may not do this, whatever it names: the answer tells nothing of what exists. */
const checkMay = (caller: Caller, access: Scoped, id: string | undefined): void => {
  const { scope, device } = access
  switch (caller.kind) {
    case 'device':
      if (!deviceMay(caller, device, id)) throw new Problem('forbidden')
      return
    case 'upload':
      if (!access.upload || caller.recordingId !== id) throw new Problem('forbidden')
      return
    case 'key':
      if (device === 'only') throw new Problem('forbidden')
      if (!caller.scopes.has(scope)) throw lacksScope(scope)
      return
    case 'admin':
      if (device === 'only') throw new Problem('forbidden')
  }
}

const placeOf = (caller: Caller): { readonly project: ProjectId; readonly actor: Actor } => {
  switch (caller.kind) {
    case 'device':
      return { project: caller.project, actor: caller.deviceId }
    case 'key':
      return { project: caller.project, actor: caller.keyId }
    case 'admin':
      return { project: projectNamed(caller), actor: 'cli' }
    case 'upload':
      return { project: caller.project, actor: caller.by }
  }
}

const checkOperator = ({ metrics }: HttpDeps, call: Call): void => {
  const bearer = bearerOf(call.headers)
  if (metrics.bearer !== undefined && bearer !== undefined && sameSecret(bearer, metrics.bearer))
    return
  if (!isLocal(call)) throw new Problem('not_found')
}

const checkObjectStore = ({ objectEventsToken }: HttpDeps, call: Call): void => {
  const bearer = bearerOf(call.headers)
  if (bearer === undefined || !sameSecret(bearer, objectEventsToken))
    throw unauthorized(bearer !== undefined)
}

/** Finds out who calls, checks that they may, and only then lets the handler meet the call. */
export const admit = async (
  deps: Deps,
  route: OpenRoute,
  call: Call,
  setHeaders: (headers: Headers) => void,
): Promise<Reply> => {
  if (route.access === 'anyone') return route.handle(call)
  if (route.access === 'operator') {
    checkOperator(deps, call)
    return route.handle(call)
  }
  if (route.access === 'object-store') {
    checkObjectStore(deps, call)
    return route.handle(call)
  }
  const { query } = route.operation
  if (route.access === 'upload') {
    const uploader = uploaderOf(deps, call.params['token'] ?? '')
    checkNames(call, query)
    return route.handle({ ...call, upload: uploader })
  }
  const caller = await authenticate(deps, call)
  if (caller.kind === 'key') deps.keyUse.used(caller.keyId)
  // What is refused from here on counts too, and says what is left.
  setHeaders(deps.limits.take(caller))
  if (route.access === 'admin') {
    if (caller.kind !== 'admin') throw new Problem('forbidden')
    checkNames(call, query)
    return route.handle({ ...call, project: caller.project, actor: 'cli' })
  }
  checkMay(caller, route.access, call.params['id'])
  checkNames(call, query)
  return route.handle({ ...call, caller, ...placeOf(caller) })
}

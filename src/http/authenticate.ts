import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { parseId } from '../../protocol/ids.ts'
import { openUploadToken } from '../../protocol/upload-token.ts'
import type { AuthOutcome } from '../auth/ports.ts'
import { project } from '../domain/project.ts'
import { uploadTokenKey } from '../store/keyed.ts'
import { projectStream } from '../store/streams.ts'
import type { AdminPrincipal, Caller, UploadPrincipal } from './call.ts'
import type { HttpDeps } from './ports.ts'
import { invalidValue, notFound, Problem, unavailable } from './problems.ts'

type Deps = Pick<HttpDeps, 'auth' | 'ledger' | 'admin' | 'secrets' | 'now'>
type Credential = { readonly headers: IncomingHttpHeaders; readonly remote: string }

/** RFC 6750, 3: what kind of credential is wanted, and that the one presented was not good. */
export const unauthorized = (presented: boolean): Problem =>
  new Problem('unauthorized', {
    headers: {
      'WWW-Authenticate': `Bearer realm="lapel"${presented ? ', error="invalid_token"' : ''}`,
    },
  })

export const bearerOf = (headers: IncomingHttpHeaders): string | undefined =>
  /^Bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? '')?.[1]

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** In time that does not depend on where they differ, nor on their lengths. */
export const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

const loopback = /^(?:(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/

/** Asked for on this machine, and not by a proxy for somebody else. */
export const isLocal = ({ headers, remote }: Credential): boolean =>
  loopback.test(remote) &&
  headers.forwarded === undefined &&
  headers['x-forwarded-for'] === undefined

const accepted = <Principal>(outcome: AuthOutcome<Principal>): Principal => {
  switch (outcome.kind) {
    case 'accepted':
      return outcome.principal
    case 'malformed':
    case 'unknown':
    case 'wrong-secret':
    case 'dead':
      throw unauthorized(true)
    case 'not-now':
      throw unavailable()
  }
}

const namedProject = async (
  { ledger }: Deps,
  { headers }: Credential,
): Promise<AdminPrincipal['project']> => {
  const text = headers['lapel-project']
  if (text === undefined) return null
  const id = parseId('proj_', text)
  const known = id && (await ledger.read(projectStream(id), project))
  if (!id || known?.state.status !== 'active') throw notFound('Lapel-Project')
  return id
}

/** Whoever holds an upload token. Throws 401. */
export const uploaderOf = (
  { secrets, now }: Pick<Deps, 'secrets' | 'now'>,
  text: string,
): UploadPrincipal => {
  const claims = openUploadToken(text, uploadTokenKey(secrets), now())
  if (!claims) throw unauthorized(true)
  const { p, r, m, by } = claims
  return { kind: 'upload', project: p, recordingId: r, mediaId: m, by }
}

/** Whoever the credential stands for. Throws 401, or 503 while nobody can tell. */
export const authenticate = async (deps: Deps, credential: Credential): Promise<Caller> => {
  const text = bearerOf(credential.headers)
  if (text === undefined) throw unauthorized(credential.headers.authorization !== undefined)
  if (text.startsWith('dtok_')) return accepted(await deps.auth.device(text, credential.remote))
  if (text.startsWith('up_')) return uploaderOf(deps, text)
  const isKey = /^[sr]k_/.test(text)
  if (!isKey && isLocal(credential) && sameSecret(text, deps.admin))
    return { kind: 'admin', project: await namedProject(deps, credential) }
  return accepted(await deps.auth.key(text, credential.remote))
}

/** An administrator's call that needs a world names it. */
export const projectNamed = (caller: AdminPrincipal) => {
  if (!caller.project) throw invalidValue('Lapel-Project', 'is required')
  return caller.project
}

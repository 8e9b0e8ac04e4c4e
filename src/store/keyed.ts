import { hmacSha256 } from '../../protocol/hmac.ts'
import { derivedId, type IdPrefix, type ProjectId } from '../../protocol/ids.ts'
import { jcs } from '../../protocol/jcs.ts'
import { projectKeysMax } from '../../protocol/limits.ts'
import type { Secrets } from './keyring.ts'

const projectKeys = new WeakMap<Uint8Array, Map<ProjectId, Buffer>>()

/** The key of one project world, under which its claims, idempotency keys and derived ids are made. */
export const projectKey = (
  { projectHmac }: Pick<Secrets, 'projectHmac'>,
  project: ProjectId,
): Buffer => {
  const keys = projectKeys.get(projectHmac) ?? new Map<ProjectId, Buffer>()
  const known = keys.get(project)
  if (known) return known
  const key = hmacSha256(projectHmac).update(project).digest()
  // A use of a key that was met costs a fifth of the first.
  if (keys.size >= projectKeysMax) keys.clear()
  projectKeys.set(projectHmac, keys.set(project, key))
  return key
}

/** The same for what stands in no project world: projects themselves. */
export const worldlessKey = (secrets: Pick<Secrets, 'projectHmac'>): Buffer =>
  hmacSha256(secrets.projectHmac).update('projects').digest()

/** Under which upload tokens are made. */
export const uploadTokenKey = ({ projectHmac }: Pick<Secrets, 'projectHmac'>): Buffer =>
  hmacSha256(projectHmac).update('lapel/upload-token').digest()

// An Idempotency-Key holds neither NUL nor line feed, so that no two kinds of input below can be the same bytes.
const keyed = (key: Buffer, ...parts: readonly string[]): Buffer =>
  hmacSha256(key).update(parts.join('')).digest()

/** What an event remembers of the `Idempotency-Key` that it was made under: HMAC(project key, key), base64url. */
export const idemOf = (key: Buffer, idempotencyKey: string): string =>
  keyed(key, idempotencyKey).toString('base64url')

/** HMAC(project key, method LF path LF JCS(body)), base64url: whether a repeat asks for the same. */
export const bodyOf = (key: Buffer, method: string, path: string, body: unknown): string =>
  keyed(key, `${method}\n${path}\n`, body === undefined ? '' : jcs(body)).toString('base64url')

export type ClaimKind = 'serial_number' | 'external_id'

/** Names the stream on which a value that may be held once is claimed: HMAC(project key, kind NUL value), 64 lower hex. */
export const claimHash = (key: Buffer, kind: ClaimKind, value: string): string =>
  keyed(key, `${kind}\0`, value).toString('hex')

/** The id of what is created under an `Idempotency-Key`, so that its stream is found again. `part`: which, where it creates several. */
export const derivedIdOf = <P extends IdPrefix>(
  key: Buffer,
  prefix: P,
  idempotencyKey: string,
  part = '',
) => derivedId(prefix, keyed(key, `${prefix}${part}\0`, idempotencyKey))

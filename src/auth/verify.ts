import { hash } from 'node:crypto'
import { type Instant, instantOf } from '../../protocol/instant.ts'
import { sameHmac, type Token, tokenHmac } from '../../protocol/tokens.ts'
import { newestOf, type Secrets } from '../store/keyring.ts'
import type { KeyTruth, StoredSecret, TokenTruth, Truth } from './truth.ts'

/**
 * `dead`: the right secret of what is revoked, replaced or past its time. `superseded`: the same, and a sign of theft.
 * `no-pepper`: the secrets file lacks the pepper that the stored HMAC was made under.
 */
export type Verdict = 'accepted' | 'wrong-secret' | 'dead' | 'superseded' | 'no-pepper'

type Peppers = Secrets['pepper']

// Of the text that was last found right for a secret, its SHA-256: a fifth of the work of the HMAC, for whoever calls again and again.
const foundRight = new WeakMap<StoredSecret, string>()

const matches = (token: Token, secret: StoredSecret, peppers: Peppers) => {
  const digest = hash('sha256', token.text)
  const right = foundRight.get(secret)
  if (right !== undefined && sameHmac(right, digest)) return true
  const pepper = peppers.get(secret.pepperKid)
  if (pepper === undefined) return 'no-pepper'
  const matched = sameHmac(tokenHmac(token, pepper), secret.hmac)
  if (matched) foundRight.set(secret, digest)
  return matched
}

/** Whether the token may be used at that time. The log says the rest; only an end that lies ahead needs the clock. */
export const isUsable = ({ state, validUntil, binding }: TokenTruth, at: Instant): boolean => {
  if (binding === null) return false
  if (state === 'old') return validUntil !== null && at <= validUntil
  return state === 'live' || state === 'unconfirmed'
}

const verifyToken = (token: Token, truth: TokenTruth, peppers: Peppers, at: Instant): Verdict => {
  const right = matches(token, truth.secret, peppers)
  if (right === 'no-pepper') return right
  if (!right) return 'wrong-secret'
  if (isUsable(truth, at)) return 'accepted'
  return truth.state === 'superseded' ? 'superseded' : 'dead'
}

const verifyKey = (token: Token, truth: KeyTruth, peppers: Peppers, at: Instant): Verdict => {
  const current = matches(token, truth.secret, peppers)
  if (current === 'no-pepper') return current
  if (current) return truth.state === 'live' ? 'accepted' : 'dead'
  const old = truth.old ? matches(token, truth.old, peppers) : false
  if (old === 'no-pepper' || !truth.old) return old === 'no-pepper' ? old : 'wrong-secret'
  if (!old) return 'wrong-secret'
  return truth.state === 'live' && at <= truth.old.validUntil ? 'accepted' : 'dead'
}

const prefixOf = ({ keyKind, mode }: KeyTruth): string =>
  `${keyKind === 'secret' ? 'sk' : 'rk'}_${mode}`

/** `unknown` where the prefix names another kind or world than the record: those do not see each other. */
export const verify = (
  token: Token,
  truth: Truth,
  peppers: Peppers,
  ms: number,
): Verdict | 'unknown' => {
  const at = instantOf(ms)
  if (truth.kind === 'token') return verifyToken(token, truth, peppers, at)
  return token.prefix === prefixOf(truth) ? verifyKey(token, truth, peppers, at) : 'unknown'
}

/** As much work as for a known id, so that time does not tell which ids exist. */
export const verifyNothing = (token: Token, peppers: Peppers): void => {
  const [, pepper] = newestOf(peppers)
  sameHmac(tokenHmac(token, pepper), tokenHmac(token, pepper))
}

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

const matches = (token: Token, { hmac, pepperKid }: StoredSecret, peppers: Peppers) => {
  const pepper = peppers.get(pepperKid)
  return pepper === undefined ? 'no-pepper' : sameHmac(tokenHmac(token, pepper), hmac)
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

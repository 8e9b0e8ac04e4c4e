import type { ApiKeyId, TokenId } from '../../protocol/ids.ts'
import type { Token } from '../../protocol/tokens.ts'
import type { Secrets } from '../store/keyring.ts'
import type { Log } from '../store/log.ts'
import type { AddressGate } from './address-gate.ts'
import type { Found, LookUp } from './look-up.ts'
import type { TokenTruth } from './truth.ts'
import { type Verdict, verify, verifyNothing } from './verify.ts'

export type Refused = { readonly kind: 'unknown' | 'wrong-secret' | 'dead' | 'not-now' }
export type Checked<Result> = { readonly kind: 'accepted'; readonly result: Result } | Refused

type Deps = {
  readonly lookUp: LookUp
  readonly gate: AddressGate
  readonly holds: () => boolean
  readonly peppers: Secrets['pepper']
  readonly now: () => number
  readonly log: Log
  /** The right secret of a replaced token was presented. */
  readonly onReuse: (truth: TokenTruth) => void
}

export type Credentials = {
  /** Checks a token that has the right form. `use` runs in the very step in which the credential was found good. */
  readonly check: <Result>(
    token: Token,
    remote: string,
    use: (found: Found) => Result,
  ) => Promise<Checked<Result>>
}

/** A key's text carries the public part of its record's id. */
const idOf = ({ prefix, id }: Token): TokenId | ApiKeyId =>
  prefix === 'dtok' ? (id as TokenId) : (`key_${id}` as ApiKeyId)

const refusals: Record<Exclude<Verdict, 'accepted'>, Refused['kind']> = {
  'wrong-secret': 'wrong-secret',
  dead: 'dead',
  superseded: 'dead',
  'no-pepper': 'not-now',
}

export const createCredentials = (deps: Deps): Credentials => {
  const { lookUp, gate, holds, peppers, now, log, onReuse } = deps

  const note = (token: Token, found: Found, verdict: Verdict): void => {
    if (verdict === 'no-pepper')
      log.error({ id: token.id }, 'the secrets file lacks the pepper that this credential needs')
    if (verdict === 'accepted' || verdict === 'dead' || verdict === 'superseded')
      lookUp.remember(idOf(token), found)
    if (verdict === 'superseded' && found.truth.kind === 'token') onReuse(found.truth)
  }

  const judge = <Result>(
    token: Token,
    found: Found,
    use: (found: Found) => Result,
  ): Checked<Result> => {
    if (!holds()) return { kind: 'not-now' }
    const verdict = verify(token, found.truth, peppers, now())
    if (verdict === 'unknown') return { kind: verdict }
    note(token, found, verdict)
    if (verdict !== 'accepted') return { kind: refusals[verdict] }
    return { kind: 'accepted', result: use(found) }
  }

  return {
    check: async (token, remote, use) => {
      if (!holds()) return { kind: 'not-now' }
      const answer = await lookUp.find(idOf(token), remote, (found) => judge(token, found, use))
      if (answer.kind === 'unknown') verifyNothing(token, peppers)
      const checked = answer.kind === 'used' ? answer.result : { kind: answer.kind }
      if (checked.kind === 'unknown' || checked.kind === 'wrong-secret') gate.blame(remote)
      return checked
    },
  }
}

import type { Random } from '../../../protocol/base62.ts'
import { parseTokenId } from '../../../protocol/ids.ts'
import {
  hintOf,
  mintToken,
  type Token,
  type TokenPrefix,
  tokenHmac,
} from '../../../protocol/tokens.ts'
import type { KeySecret } from '../../domain/api-key.ts'
import type { TokenSecret } from '../../domain/device-tokens.ts'
import { newestOf, type Secrets } from '../../store/keyring.ts'

type Deps = { readonly secrets: Pick<Secrets, 'pepper'>; readonly random: Random }

const peppered = ({ secrets }: Deps, token: Token) => {
  const [pepper_kid, pepper] = newestOf(secrets.pepper)
  return { hmac: tokenHmac(token, pepper), pepper_kid }
}

/** A device token: the clear text for the one reply, and what its event holds. */
export const newDeviceToken = (
  deps: Deps,
): { readonly text: string; readonly secret: TokenSecret } => {
  const token = mintToken('dtok', deps.random)
  const token_id = parseTokenId(token.id)
  if (token_id === undefined) throw new Error('a minted token has no id')
  return { text: token.text, secret: { token_id, ...peppered(deps, token) } }
}

/** The secret of an API key. `id`: the 12 public characters, which a rotated key keeps. */
export const newKeySecret = (
  deps: Deps,
  prefix: TokenPrefix,
  id: string | undefined,
): { readonly id: string; readonly text: string; readonly secret: KeySecret } => {
  const token = mintToken(prefix, deps.random, id)
  return {
    id: token.id,
    text: token.text,
    secret: { ...peppered(deps, token), hint: hintOf(token) },
  }
}

import type { Scope } from '../../protocol/scopes.ts'
import type { Caller } from './call.ts'
import { Problem } from './problems.ts'

type HandedOut = { readonly kind: 'secret' | 'restricted'; readonly scopes: readonly Scope[] }

/** No key hands out a secret that opens more than itself. Throws 403. */
export const checkMayHandOut = (caller: Caller, { kind, scopes }: HandedOut): void => {
  if (caller.kind === 'admin') return
  if (caller.kind !== 'key') throw new Problem('forbidden')
  if (caller.keyKind === 'secret') return
  if (kind === 'secret')
    throw new Problem('insufficient_scope', {
      message: 'A restricted key hands out no secret key: name the scopes of the new one.',
    })
  const missing = scopes.find((scope) => !caller.scopes.has(scope))
  if (missing !== undefined)
    throw new Problem('insufficient_scope', {
      message: `The API key lacks the scope ${missing}, and hands out no key that holds it.`,
    })
}

import { scopes } from '../../protocol/scopes.ts'
import { parseToken } from '../../protocol/tokens.ts'
import type { Credentials } from './credentials.ts'
import { principalOf } from './open-session.ts'
import type { Auth, AuthOutcome, DevicePrincipal, KeyPrincipal } from './ports.ts'
import type { TokenEvents } from './token-events.ts'
import type { TokenTruth } from './truth.ts'

type Deps = { readonly credentials: Credentials; readonly tokenEvents: TokenEvents }

const all: KeyPrincipal['scopes'] = new Set(scopes)

/** What HTTP calls present: one credential a request. */
export const createHttpCredentials = ({
  credentials,
  tokenEvents,
}: Deps): Pick<Auth, 'device' | 'key'> => {
  const confirmed = async (truth: TokenTruth): Promise<AuthOutcome<DevicePrincipal>> => {
    const principal = principalOf(truth)
    if (!principal) return { kind: 'dead' }
    const outcome = truth.state === 'unconfirmed' ? await tokenEvents.confirm(truth) : 'confirmed'
    return outcome === 'confirmed' ? { kind: 'accepted', principal } : { kind: outcome }
  }

  return {
    device: async (text, remote) => {
      const token = parseToken(text)
      if (token?.prefix !== 'dtok') return { kind: 'malformed' }
      const checked = await credentials.check(token, remote, ({ truth }) => truth)
      if (checked.kind !== 'accepted') return checked
      return checked.result.kind === 'token' ? confirmed(checked.result) : { kind: 'unknown' }
    },
    key: async (text, remote) => {
      const token = parseToken(text)
      if (!token || token.prefix === 'dtok') return { kind: 'malformed' }
      const checked = await credentials.check(token, remote, ({ truth }) => truth)
      if (checked.kind !== 'accepted') return checked
      const { result: truth } = checked
      if (truth.kind !== 'key') return { kind: 'unknown' }
      const { project, keyId, keyKind } = truth
      const principal: KeyPrincipal = {
        kind: 'key',
        project,
        keyId,
        keyKind,
        scopes: keyKind === 'secret' ? all : new Set(truth.scopes),
      }
      return { kind: 'accepted', principal }
    },
  }
}

import {
  addressesMax,
  badLookupsPerMinuteMax,
  lookupMsMax,
  lookupsMax,
  trustedLookupsPerAddressMax,
} from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import type { Log } from '../store/log.ts'
import { within } from './bounded.ts'
import type { CredentialId, Read } from './overlay.ts'

/** `main`: the node's own pool. `spare`: two connections, for who asks much or for what does not exist. */
export type Pool = 'main' | 'spare'
export type ReadCredential = (id: CredentialId, pool: Pool) => Promise<Read>

type Address = { minute: number; bad: number; reading: number }

export type AddressGate = {
  /** The row, or `not-now`: too many look-ups, from this address or in all; Postgres gone or too slow. */
  readonly read: (id: CredentialId, remote: string) => Promise<Read | 'not-now'>
  /** That address named an unknown id or brought a wrong secret. */
  readonly blame: (remote: string) => void
}

/** Of an IPv4 address that came in on an IPv6 socket, as Node writes it. */
const mapped = '::ffff:'

/** A household or a server has one /64 (RFC 6177) and could name 2^64 addresses of it. */
export const networkOf = (remote: string): string => {
  const plain = remote.startsWith(mapped) ? remote.slice(mapped.length) : remote
  return plain.includes(':') ? plain.split(':').slice(0, 4).join(':') : plain
}

type Deps = {
  readonly read: ReadCredential
  readonly monotonic: () => number
  readonly log: Log
}

/** Keeps look-ups of what nobody knows from those of honest devices, and both from Postgres. */
export const createAddressGate = ({ read, monotonic, log }: Deps): AddressGate => {
  const addresses = createLru<string, Address>(addressesMax)
  let reading = 0

  const addressOf = (remote: string): Address => {
    const network = networkOf(remote)
    const minute = Math.floor(monotonic() / 60_000)
    const known = addresses.get(network)
    if (known?.minute === minute) return known
    const fresh = { minute, bad: 0, reading: known?.reading ?? 0 }
    addresses.set(network, fresh)
    return fresh
  }

  return {
    blame: (remote) => {
      addressOf(remote).bad += 1
    },
    read: async (id, remote) => {
      const address = addressOf(remote)
      if (reading >= lookupsMax || address.bad >= badLookupsPerMinuteMax) return 'not-now'
      const isTrusted = address.bad + address.reading < trustedLookupsPerAddressMax
      reading += 1
      address.reading += 1
      const answer = read(id, isTrusted ? 'main' : 'spare').finally(() => {
        reading -= 1
        address.reading -= 1
      })
      try {
        const found = await within(answer, lookupMsMax)
        return found === 'late' ? 'not-now' : found
      } catch (error) {
        log.warn({ error }, 'a credential could not be looked up')
        return 'not-now'
      }
    },
  }
}

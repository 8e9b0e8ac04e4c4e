import { rateBucketsMax } from '../../protocol/limits.ts'
import type { Caller } from './call.ts'
import type { HttpDeps } from './ports.ts'
import { Problem } from './problems.ts'

/** How many seconds of its rate a caller may use at once (HTTP contract, decision 23). */
const burstSeconds = { key: 2, device: 10, project: 2 } as const
type Policy = keyof typeof burstSeconds

type Bucket = { tokens: number; at: number }
type Grant = { readonly policy: Policy; readonly rate: number; readonly left: number }

export type RateLimits = {
  /** Counts a request of the caller; the headers that say what is left. Throws 429. */
  readonly take: (caller: Caller) => Readonly<Record<string, string>>
}

const headersOf = ({ policy, rate, left }: Grant, nowMs: number): Record<string, string> => {
  const burst = rate * burstSeconds[policy]
  const fullAfterSeconds = Math.ceil((burst - left) / rate)
  const remaining = Math.max(0, Math.floor(left))
  return {
    // draft-ietf-httpapi-ratelimit-headers, sections 3 and 4.
    'RateLimit-Policy': `"${policy}";q=${Math.floor(burst)};w=${burstSeconds[policy]}`,
    RateLimit: `"${policy}";r=${remaining};t=${fullAfterSeconds}`,
    'X-RateLimit-Limit': `${Math.floor(burst)}`,
    'X-RateLimit-Remaining': `${remaining}`,
    'X-RateLimit-Reset': `${Math.ceil(nowMs / 1_000) + fullAfterSeconds}`,
  }
}

const exceeded = (grant: Grant, nowMs: number): Problem =>
  new Problem('rate_limit_exceeded', {
    headers: {
      ...headersOf(grant, nowMs),
      'Retry-After': `${Math.max(1, Math.ceil((1 - grant.left) / grant.rate))}`,
    },
  })

const subjectsOf = (caller: Caller): readonly (readonly [Policy, string])[] => {
  switch (caller.kind) {
    case 'key':
      return [
        ['key', caller.keyId],
        ['project', caller.project],
      ]
    case 'device':
      return [
        ['device', caller.deviceId],
        ['project', caller.project],
      ]
    case 'admin':
      return []
  }
}

/** Token buckets of this node, which enforces its share of each limit: the limit divided by the live nodes. */
export const createRateLimits = ({ rates, now }: Pick<HttpDeps, 'rates' | 'now'>): RateLimits => {
  const buckets = new Map<string, Bucket>()

  const filled = (subject: string, rate: number, burst: number): Bucket => {
    const nowMs = now()
    const last = buckets.get(subject) ?? { tokens: burst, at: nowMs }
    const gained = (Math.max(0, nowMs - last.at) / 1_000) * rate
    const bucket = { tokens: Math.min(burst, last.tokens + gained), at: nowMs }
    buckets.delete(subject)
    buckets.set(subject, bucket)
    // The one that was used longest ago is the likeliest to be full again.
    const [oldest] = buckets.size > rateBucketsMax ? buckets.keys() : []
    if (oldest !== undefined) buckets.delete(oldest)
    return bucket
  }

  const grant = ([policy, subject]: readonly [Policy, string]): readonly Grant[] => {
    const rate = rates[policy] / Math.max(1, rates.liveNodes?.() ?? 1)
    if (rate === 0) return []
    const bucket = filled(subject, rate, rate * burstSeconds[policy])
    if (bucket.tokens < 1) throw exceeded({ policy, rate, left: bucket.tokens }, bucket.at)
    bucket.tokens -= 1
    return [{ policy, rate, left: bucket.tokens }]
  }

  return {
    take: (caller) => {
      const [own] = subjectsOf(caller).flatMap(grant)
      return own ? headersOf(own, now()) : {}
    },
  }
}

import { rateBucketsMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import type { Caller } from './call.ts'
import type { HttpDeps } from './ports.ts'
import { Problem } from './problems.ts'

/** How many seconds of its rate a caller may use at once (HTTP contract, decision 23). */
const burstSeconds = { key: 2, device: 10, project: 2 } as const
type Policy = keyof typeof burstSeconds

type Bucket = { tokens: number; at: number }
/** A bucket as a request finds it, and what it leaves. `rate` is this node's share, a second. */
type Grant = {
  readonly policy: Policy
  readonly rate: number
  readonly left: number
  readonly bucket: Bucket
}

export type RateLimits = {
  /** Counts a request of the caller; the headers that say what is left. Throws 429, and then counts nothing. */
  readonly take: (caller: Caller) => Readonly<Record<string, string>>
}

// However many nodes share a limit, each lets one request through at a time.
const burstTokens = (policy: Policy, rate: number): number =>
  Math.max(1, rate * burstSeconds[policy])
const burstOf = ({ policy, rate }: Grant): number => Math.floor(burstTokens(policy, rate))
const remainingIn = ({ left }: Grant): number => Math.max(0, Math.floor(left))
const fullAfterSeconds = (grant: Grant): number =>
  Math.ceil((burstTokens(grant.policy, grant.rate) - grant.left) / grant.rate)

/** draft-ietf-httpapi-ratelimit-headers, sections 3 and 4, for every policy; the older headers for the one of which least is left. */
const headersOf = (grants: readonly Grant[], nowMs: number): Record<string, string> => {
  const [first, ...others] = grants
  if (!first) return {}
  const least = others.reduce((a, b) => (b.left < a.left ? b : a), first)
  return {
    'RateLimit-Policy': grants
      .map((one) => `"${one.policy}";q=${burstOf(one)};w=${burstSeconds[one.policy]}`)
      .join(', '),
    RateLimit: grants
      .map((one) => `"${one.policy}";r=${remainingIn(one)};t=${fullAfterSeconds(one)}`)
      .join(', '),
    'X-RateLimit-Limit': `${burstOf(least)}`,
    'X-RateLimit-Remaining': `${remainingIn(least)}`,
    'X-RateLimit-Reset': `${Math.ceil(nowMs / 1_000) + fullAfterSeconds(least)}`,
  }
}

const exceeded = (grants: readonly Grant[], empty: Grant, nowMs: number): Problem =>
  new Problem('rate_limit_exceeded', {
    headers: {
      ...headersOf(grants, nowMs),
      'Retry-After': `${Math.max(1, Math.ceil((1 - empty.left) / empty.rate))}`,
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
    case 'upload':
      return [['project', caller.project]]
    case 'admin':
      return []
  }
}

/** Token buckets of this node, which enforces its share of each limit: the limit divided by the live nodes. */
export const createRateLimits = ({ rates, now }: Pick<HttpDeps, 'rates' | 'now'>): RateLimits => {
  // The one that was used longest ago is the likeliest to be full again.
  const buckets = createLru<string, Bucket>(rateBucketsMax)

  const filled = (subject: string, rate: number, burst: number): Bucket => {
    const nowMs = now()
    const last = buckets.get(subject) ?? { tokens: burst, at: nowMs }
    const gained = (Math.max(0, nowMs - last.at) / 1_000) * rate
    const bucket = { tokens: Math.min(burst, last.tokens + gained), at: nowMs }
    buckets.set(subject, bucket)
    return bucket
  }

  const grantOf = ([policy, subject]: readonly [Policy, string]): readonly Grant[] => {
    const rate = rates[policy] / Math.max(1, rates.liveNodes?.() ?? 1)
    if (rate === 0) return []
    const bucket = filled(subject, rate, burstTokens(policy, rate))
    return [{ policy, rate, left: bucket.tokens, bucket }]
  }

  return {
    take: (caller) => {
      const found = subjectsOf(caller).flatMap(grantOf)
      const empty = found.find(({ left }) => left < 1)
      if (empty) throw exceeded(found, empty, now())
      const taken = found.map((one) => ({ ...one, left: one.left - 1 }))
      for (const { bucket } of found) bucket.tokens -= 1
      return headersOf(taken, now())
    },
  }
}

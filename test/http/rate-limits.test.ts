import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId } from '../../protocol/ids.ts'
import { rateBucketsMax } from '../../protocol/limits.ts'
import type { Caller } from '../../src/http/call.ts'
import type { Rates } from '../../src/http/ports.ts'
import { Problem } from '../../src/http/problems.ts'
import { createRateLimits } from '../../src/http/rate-limits.ts'

const test = suite('rate limits')

const projectId = newId('proj_', randomBytes)
const keyOf = (project = projectId): Caller => ({
  kind: 'key',
  keyKind: 'secret',
  project,
  keyId: newId('key_', randomBytes),
  scopes: new Set(),
})

const limitsOf = (rates: Partial<Rates>) => {
  const clock = { ms: 1_000_000 }
  const limits = createRateLimits({
    rates: { key: 0, device: 0, project: 0, ...rates },
    now: () => clock.ms,
  })
  /** How many of so many requests at once go through. */
  const passing = (caller: Caller, requests: number): number => {
    let passed = 0
    for (let i = 0; i < requests; i += 1)
      try {
        limits.take(caller)
        passed += 1
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        assert.is(error.code, 'rate_limit_exceeded')
      }
    return passed
  }
  return { clock, limits, passing }
}

test('a key has its burst, and then its rate; another key has its own', () => {
  const { clock, passing } = limitsOf({ key: 10 })
  const key = keyOf()
  assert.is(passing(key, 100), 20)
  clock.ms += 500
  assert.is(passing(key, 100), 5)
  assert.is(passing(keyOf(), 100), 20)
})

test('0 is no limit, and says nothing', () => {
  const { limits, passing } = limitsOf({})
  assert.is(passing(keyOf(), 5_000), 5_000)
  assert.equal(limits.take(keyOf()), {})
})

test('the keys of a project share what is left of the project’s', () => {
  const { passing, limits } = limitsOf({ key: 10, project: 12 })
  const [a, b] = [keyOf(), keyOf()]
  assert.is(passing(a, 100), 20)
  const headers = limits.take(b)
  assert.is(headers['RateLimit-Policy'], '"key";q=20;w=2, "project";q=24;w=2')
  assert.is(headers['RateLimit'], '"key";r=19;t=1, "project";r=3;t=2')
  assert.equal([headers['X-RateLimit-Limit'], headers['X-RateLimit-Remaining']], ['24', '3'])
  assert.is(passing(b, 100), 3)
  assert.is(passing(keyOf(newId('proj_', randomBytes)), 100), 20, 'another project has its own')
})

test('what is refused for the project takes nothing from the key', () => {
  const { clock, passing } = limitsOf({ key: 1, project: 1 })
  const [a, b] = [keyOf(), keyOf()]
  assert.is(passing(a, 2), 2)
  assert.is(passing(b, 10), 0)
  clock.ms += 2_000
  assert.is(passing(b, 10), 2)
})

test('nodes that live share a limit, and each lets at least one through', () => {
  let nodes = 4
  const { clock, passing } = limitsOf({ key: 20, liveNodes: () => nodes })
  const key = keyOf()
  assert.is(passing(key, 100), 10)
  nodes = 2
  clock.ms += 10_000
  assert.is(passing(key, 100), 20)
  nodes = 1_000
  clock.ms += 100_000
  assert.is(passing(key, 100), 1)
})

test('says when to come again', () => {
  const { limits, passing } = limitsOf({ device: 0.25 })
  const device = { kind: 'device', project: projectId, deviceId: 'd' } as Caller
  passing(device, 10)
  let problem: unknown
  try {
    limits.take(device)
  } catch (error) {
    problem = error
  }
  assert.instance(problem, Problem)
  if (!(problem instanceof Problem)) return
  assert.is(problem.headers['Retry-After'], '2')
  assert.is(problem.headers['X-RateLimit-Reset'], '1008')
})

test('as many buckets as the limit says are kept; the oldest goes', () => {
  const { passing } = limitsOf({ key: 1 })
  const first = keyOf()
  assert.is(passing(first, 3), 2)
  for (let i = 0; i < rateBucketsMax - 1; i += 1) passing(keyOf(), 1)
  assert.is(passing(first, 1), 0, 'it is kept at the limit')
  for (let i = 0; i < rateBucketsMax; i += 1) passing(keyOf(), 1)
  assert.is(passing(first, 1), 1, 'one past it, it begins anew')
})

test.run()

import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type DeviceEvent, parseLifecycleEvent } from '../../protocol/events/lifecycle.ts'
import type { EndUserId, TokenId } from '../../protocol/ids.ts'
import { type Instant, instantOf, msOf, plusMs } from '../../protocol/instant.ts'
import type { Decision } from '../../src/domain/decision.ts'
import {
  bind,
  type Device,
  device,
  register,
  retire,
  unbind,
  update,
} from '../../src/domain/device.ts'
import { liveTokenIds } from '../../src/domain/device-tokens.ts'
import {
  confirmToken,
  refreshToken,
  reportReuse,
  suspectClone,
} from '../../src/domain/token-decisions.ts'
import { bindingNamed, endUserNamed, registration, secret, tokenNamed } from './sample.ts'

const test = suite('a device in all its ways')

// What a device is, said as simply as possible, against which the decisions are walked: one owner or none, one newest token,
// perhaps one before it, and all that ever ended.
class Model {
  status: 'unknown' | 'unbound' | 'bound' | 'retired' = 'unknown'
  owner: EndUserId | null = null
  newest: { id: TokenId; seen: boolean } | null = null
  before: { id: TokenId; until: Instant } | null = null
  readonly ended = new Set<TokenId>()

  end(...ids: readonly (TokenId | undefined)[]): void {
    for (const id of ids) if (id) this.ended.add(id)
  }
  bind(owner: EndUserId, id: TokenId): string {
    if (this.status === 'unknown') return 'unknown-device'
    if (this.status === 'retired') return 'retired'
    if (this.status === 'bound') return 'already-bound'
    Object.assign(this, { status: 'bound', owner, newest: { id, seen: true }, before: null })
    return 'bound'
  }
  unbind(): string {
    if (this.status === 'unknown') return 'unknown-device'
    if (this.status === 'retired') return 'retired'
    if (this.status === 'unbound') return 'not-bound'
    this.end(this.newest?.id, this.before?.id)
    Object.assign(this, { status: 'unbound', owner: null, newest: null, before: null })
    return 'unbound'
  }
  retire(): string {
    if (this.status === 'unknown') return 'unknown-device'
    if (this.status === 'retired') return 'already-retired'
    this.unbind()
    this.status = 'retired'
    return 'retired'
  }
  use(id: TokenId): string {
    if (this.newest?.id !== id) return 'not-live'
    if (this.newest.seen) return 'known'
    this.end(this.before?.id)
    Object.assign(this, { newest: { id, seen: true }, before: null })
    return 'confirmed'
  }
  refresh(id: TokenId, next: TokenId, at: Instant, graceMs: number): string {
    const isOld = this.before?.id === id && this.before.until >= at
    if (!isOld && this.use(id) === 'not-live') return 'not-live'
    if (isOld) this.end(this.newest?.id)
    Object.assign(this, {
      newest: { id: next, seen: false },
      before: { id, until: plusMs(at, graceMs) },
    })
    return 'refreshed'
  }
}

type Outcome = { readonly kind: string; readonly because?: string }

/** A device and its model, walked side by side. */
class Walk {
  readonly model = new Model()
  readonly facts: (DeviceEvent & { readonly at: Instant })[] = []
  readonly tokens: TokenId[] = [tokenNamed('stranger')]
  state: Device = device.initial
  at = instantOf(Date.UTC(2026, 10, 22))
  #made = 0

  next(): string {
    this.#made += 1
    const name = `n${this.#made}`
    this.tokens.push(tokenNamed(name))
    return name
  }

  /** The newest, the one before it, or any that ever was. */
  token(pick: number): TokenId {
    const { newest, before } = this.model
    const any = this.tokens[pick % this.tokens.length]
    return [newest?.id, before?.id][pick % 3] ?? any ?? tokenNamed('stranger')
  }

  decide<Result extends Outcome>(
    decision: (state: Device) => Decision<Result, DeviceEvent>,
  ): string {
    const { outcome, events } = decision(this.state)
    for (const [k, event] of events.entries()) {
      assert.equal(parseLifecycleEvent('device', event.type, event.data), event, 'can be stored')
      const fact = { ...event, at: plusMs(this.at, k) }
      this.facts.push(fact)
      this.state = device.evolve(this.state, fact)
    }
    this.at = plusMs(this.at, events.length)
    return outcome.because ?? outcome.kind
  }
}

type Step = (walk: Walk) => void

const registering: Step = (walk) => {
  const expected = walk.model.status === 'unknown' ? 'registered' : 'exists'
  assert.is(walk.decide(register(registration)), expected)
  if (walk.model.status === 'unknown') walk.model.status = 'unbound'
}

// What tokens are about, half of the time.
const often: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom('ann', 'bob').map<Step>((who) => (walk) => {
    const name = walk.next()
    const args = {
      bindingId: bindingNamed(name),
      endUserId: endUserNamed(who),
      token: secret(name),
    }
    assert.is(walk.decide(bind(args)), walk.model.bind(args.endUserId, args.token.token_id))
  }),
  fc
    .tuple(fc.nat(99), fc.constantFrom(0, 1_000, 86_400_000))
    .map<Step>(([pick, graceMs]) => (walk) => {
      const presented = walk.token(pick)
      const [next, at] = [secret(walk.next()), walk.at]
      const outcome = walk.decide(refreshToken({ presented, next, graceMs }, at))
      assert.is(outcome, walk.model.refresh(presented, next.token_id, at, graceMs))
    }),
  fc.nat(99).map<Step>((pick) => (walk) => {
    const tokenId = walk.token(pick)
    assert.is(walk.decide(confirmToken({ tokenId })), walk.model.use(tokenId))
  }),
)
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 7, arbitrary: often },
  fc.constant(registering),
  fc.constant<Step>((walk) =>
    assert.is(walk.decide(unbind({ reason: 'requested' })), walk.model.unbind()),
  ),
  fc.nat(30).map<Step>((n) => (walk) => {
    // Seldom: nothing happens after it.
    if (n === 0) assert.is(walk.decide(retire()), walk.model.retire())
  }),
  fc
    .nat(99)
    .map<Step>(
      (pick) => (walk) => void walk.decide(reportReuse({ tokenId: walk.token(pick) }, walk.at)),
    ),
  fc.constant<Step>(
    (walk) => void walk.decide(suspectClone({ tokenId: walk.token(0), takeovers: 11 }, walk.at)),
  ),
  fc
    .boolean()
    .map<Step>(
      (on) => (walk) => void walk.decide(update({ settings: { upload: { allow_roaming: on } } })),
    ),
  fc.constantFrom(1, 999, 3_600_000, 90_000_000).map<Step>((ms) => (walk) => {
    walk.at = plusMs(walk.at, ms)
  }),
)

/** At every moment. */
const holds = ({ state, model, facts }: Walk): void => {
  assert.is(state.status, model.status)
  assert.equal(facts.reduce(device.evolve, device.initial), state, 'the fold is the state')
  if (state.status === 'unknown') return
  assert.is(state.binding?.endUserId ?? null, model.owner)
  assert.is(state.binding !== null, state.status === 'bound')
  const live = liveTokenIds(state.tokens)
  assert.equal(
    live,
    [model.newest, model.before].flatMap((token) => (token ? [token.id] : [])),
  )
  assert.ok(live.length <= 2)
  for (const id of live) assert.not.ok(model.ended.has(id), 'what ended never lives again')
}

/** Of the whole history, as a reader meets it who never saw a state. */
const isOwnershipHistory = (facts: Walk['facts']): void => {
  let owner: EndUserId | null = null
  for (const { type, data } of facts) {
    if (type === 'DeviceBound') assert.is(owner, null, 'nobody owns it when it is bound')
    if (type === 'DeviceUnbound') assert.is(data.end_user_id, owner, 'who owned it is named')
    if (type === 'DeviceBound') owner = data.end_user_id
    if (type === 'DeviceUnbound') owner = null
  }
}

/** A table of tokens, made of the events alone. */
type TokenTable = { readonly live: readonly TokenId[]; readonly before: TokenId | null }

const tabled = ({ live, before }: TokenTable, { type, data }: DeviceEvent): TokenTable => {
  const without = (...ids: readonly (TokenId | null)[]) => live.filter((id) => !ids.includes(id))
  if (type === 'DeviceTokenIssued') return { live: [...live, data.token_id], before: null }
  if (type === 'DeviceTokenRefreshed')
    return { live: [...live, data.token_id], before: data.replaces }
  if (type === 'DeviceTokenRevoked') return { live: without(...data.token_ids), before }
  if (type === 'DeviceTokenConfirmed') return { live: without(before), before: null }
  return { live, before }
}

/** What such a table holds to be live. */
const liveByEvents = (facts: Walk['facts']): readonly TokenId[] =>
  facts.reduce<TokenTable>(tabled, { live: [], before: null }).live.toSorted()

const hourMs = 3_600_000
const areSeldom = (facts: Walk['facts']): void => {
  const last = new Map<string, Instant>()
  for (const { type, data, at } of facts) {
    if (type !== 'TokenReuseDetected' && type !== 'CloneSuspected') continue
    const key = type === 'CloneSuspected' ? type : data.token_id
    const before = last.get(key)
    assert.ok(!before || msOf(at) - msOf(before) >= hourMs, `${key} twice in an hour`)
    last.set(key, at)
  }
}

test('one owner at most, two tokens at most, and what ended never lives again', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60, size: 'max' }), (walked) => {
      const walk = new Walk()
      for (const step of [registering, ...walked]) {
        step(walk)
        holds(walk)
      }
      isOwnershipHistory(walk.facts)
      areSeldom(walk.facts)
      const live = walk.state.status === 'unknown' ? [] : [...liveTokenIds(walk.state.tokens)]
      assert.equal(liveByEvents(walk.facts), live.sort(), 'every end is told by an event')
    }),
    { numRuns: 2_000 },
  )
})

test('nothing can be done with a device that nobody registered', () => {
  fc.assert(
    fc.property(fc.array(steps.filter((step) => step !== registering)), (walked) => {
      const walk = new Walk()
      for (const step of walked) step(walk)
      assert.equal([walk.facts, walk.state], [[], { status: 'unknown' }])
    }),
  )
})

test('time rises in what a device is told', () => {
  const walk = new Walk()
  walk.decide(register(registration))
  walk.decide(
    bind({ bindingId: bindingNamed('a'), endUserId: endUserNamed('ann'), token: secret('a') }),
  )
  walk.decide(retire())
  const times = walk.facts.map(({ at }) => at)
  assert.equal(times, [...new Set(times)].sort())
  assert.is(times.length, 6)
})

test.run()

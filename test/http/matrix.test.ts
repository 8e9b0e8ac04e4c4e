import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { scopes } from '../../protocol/scopes.ts'
import type { Route } from '../../src/http/call.ts'
import { until } from '../support/until.ts'
import { recordingsOf } from './recordings-of.ts'
import { type Described, described, type Ids, namesAnId, prepare } from './requests-of.ts'
import { type Answer, codeOf, customerOf, serve } from './served.ts'

// Every route by every kind of caller, made of the table of routes: a new route has its rows without a line here.

const test = suite('isolation: every route by every caller')
const served = await serve()
const { call, admin } = served
const worlds = await served.newProject()
const own = await customerOf(served, worlds.test)
const inWorld = (project: string) => ({ 'lapel-project': project })

/** Things of a customer's own, fresh: a row may retire what it names. */
const freshOf = async (
  of: typeof own,
  project: string,
  name = '',
): Promise<Ids & { token: string }> => {
  const { id, person, token } = await of.bound()
  const rec_ = await recordingsOf(served, { key: of.key, token }).for(name)
  const made = await call(admin, 'POST /internal/api-keys', {
    body: {},
    headers: inWorld(project),
  })
  return { dev_: id, eu_: person, key_: String(made.body['id']), rec_, token }
}

const revokedKey = async (): Promise<string> => {
  const headers = inWorld(worlds.test)
  const { body } = await call(admin, 'POST /internal/api-keys', { body: {}, headers })
  await call(admin, `DELETE /internal/api-keys/${body['id']}`, { headers })
  return String(body['key'])
}

const keyWithout = (scope: string) =>
  served.keyFor(worlds.test, { scopes: scopes.filter((one) => one !== scope) })

const otherProject = (await served.newProject()).test
const strangers = {
  'another project': await customerOf(served, otherProject),
  'the other world': await customerOf(served, worlds.live),
}
const revoked = await revokedKey()
const nobody: Ids = {
  dev_: `dev_${'0'.repeat(22)}`,
  eu_: `eu_${'0'.repeat(22)}`,
  key_: `key_${'0'.repeat(12)}`,
  rec_: `rec_${'0'.repeat(22)}`,
}
const odd: Ids = { dev_: 'dev_x', eu_: 'x%00', key_: 'x'.repeat(300), rec_: 'rec_x' }

const isScoped = ({ access }: Route) => typeof access === 'object'
const scoped = described.filter(({ route }) => isScoped(route))
const accessOf = ({ route }: Described) => {
  if (typeof route.access !== 'object') throw new Error('has no scope')
  return route.access
}
const send = (key: string | null, one: Described, ids: Ids, headers = {}) => {
  const { route, body } = prepare(one, { path: ids })
  return call(key, route, { ...(body !== undefined && { body }), headers })
}
const isGood = ({ status }: Answer) => status < 300

/** What may not differ between an id of somebody else's and none. */
const bytesOf = ({ status, headers, body }: Answer): string => {
  const named = ['content-type', 'content-length', 'cache-control', 'etag', 'position']
  const shown = named.map((name) => headers.get(name))
  return JSON.stringify([status, shown, body]).replace(/req_[0-9A-Za-z]{22}/, '')
}

test('no key, garbage and a revoked key are 401 wherever a credential is wanted', async () => {
  for (const one of described) {
    const isOpen = one.route.access === 'anyone' || one.route.access === 'operator'
    for (const key of [null, 'garbage', `sk_test_${'0'.repeat(50)}`, revoked]) {
      const answer = await send(key, one, nobody)
      if (isOpen) assert.ok(isGood(answer), one.name)
      else assert.equal([answer.status, codeOf(answer)], [401, 'unauthorized'], one.name)
    }
  }
})

test('what only an operator may is 404 from elsewhere', async () => {
  for (const one of described.filter(({ route }) => route.access === 'operator'))
    assert.is((await send(null, one, nobody, { 'x-forwarded-for': '203.0.113.9' })).status, 404)
})

test('an administrator’s route is 403 for every key and token, and 2xx for the bearer of this start', async () => {
  for (const one of described.filter(({ route }) => route.access === 'admin')) {
    const ids = await freshOf(own, worlds.test)
    for (const key of [own.key, ids.token]) {
      const answer = await send(key, one, ids)
      assert.equal([answer.status, codeOf(answer)], [403, 'forbidden'], one.name)
    }
    const headers = inWorld(worlds.test)
    assert.ok(isGood(await send(admin, one, ids, headers)), one.name)
    if (one.pathIds.length === 0) continue
    const elsewhere = await send(admin, one, ids, inWorld(otherProject))
    const none = await send(admin, one, nobody, inWorld(otherProject))
    assert.is(elsewhere.status, 404, one.name)
    assert.is(bytesOf(elsewhere), bytesOf(none), one.name)
  }
})

test('the own key and the own token do what the table says, one without the scope does not', async () => {
  const lacking = new Map<string, string>()
  for (const one of scoped) {
    const { scope, device } = accessOf(one)
    const ids = await freshOf(own, worlds.test, one.name)
    const key = lacking.get(scope) ?? (await keyWithout(scope))
    lacking.set(scope, key)
    const without = await send(key, one, ids)
    const code = device === 'only' ? 'forbidden' : 'insufficient_scope'
    assert.equal([without.status, codeOf(without)], [403, code], one.name)
    assert.is(bytesOf(without), bytesOf(await send(key, one, nobody)), one.name)
    const withToken = await send(ids.token, one, ids)
    assert.is(withToken.status < 300, device !== 'never', `${one.name} with the own token`)
    if (device === 'never') assert.is(codeOf(withToken), 'forbidden', one.name)
    const withKey = await goodAnswer(one)
    assert.is(isGood(withKey), device !== 'only', `${one.name} ${JSON.stringify(withKey.body)}`)
  }
})

/** With the own key, on a bound device and its end user, or where their state forbids it on two that are free. */
const goodAnswer = async (one: Described): Promise<Answer> => {
  const ids = await freshOf(own, worlds.test, one.name)
  const answer = await send(own.key, one, ids)
  if (answer.status !== 409) return answer
  return send(own.key, one, { ...ids, dev_: await own.register(), eu_: await own.person() })
}

test('another device’s token is 403, whatever it names', async () => {
  // A device begins recordings of its own.
  const naming = scoped.filter(
    (one) => accessOf(one).device !== 'recordings' || one.pathIds.length > 0,
  )
  for (const one of naming) {
    const [ids, other] = [await freshOf(own, worlds.test), await freshOf(own, worlds.test)]
    const answers = await Promise.all(
      [ids, nobody, odd]
        .slice(0, one.pathIds.length > 0 ? 3 : 1)
        .map((named) => send(other.token, one, named)),
    )
    for (const answer of answers) {
      assert.equal([answer.status, codeOf(answer)], [403, 'forbidden'], one.name)
      assert.is(bytesOf(answer), answers[0] && bytesOf(answers[0]), one.name)
    }
  }
})

test('what is another’s and what is not there are the same bytes', async () => {
  const ids = await freshOf(own, worlds.test)
  for (const [who, stranger] of Object.entries(strangers))
    for (const one of scoped.filter(({ pathIds }) => pathIds.length > 0)) {
      const expected = accessOf(one).device === 'only' ? 403 : 404
      const [theirs, none, other] = await Promise.all(
        [ids, nobody, odd].map((named) => send(stranger.key, one, named)),
      )
      assert.is(theirs?.status, expected, `${one.name} by ${who}`)
      for (const answer of [none, other])
        assert.is(answer && bytesOf(answer), theirs && bytesOf(theirs), `${one.name} by ${who}`)
    }
})

test('an id of another’s in a body finds nothing, in the same bytes', async () => {
  const ids = await freshOf(own, worlds.test)
  const naming = scoped.filter(({ bodyExample }) => namesAnId(bodyExample))
  for (const stranger of Object.values(strangers))
    for (const one of naming) {
      const path = { ...nobody, dev_: await stranger.register(), eu_: await stranger.person() }
      const ask = (body: Ids) => {
        const sent = prepare(one, { path, body })
        return call(stranger.key, sent.route, { body: sent.body })
      }
      const [theirs, none] = [await ask(ids), await ask(nobody)]
      assert.is(theirs.status, 404, one.name)
      assert.is(bytesOf(theirs), bytesOf(none), one.name)
    }
})

const idFilters = scoped.flatMap((one) =>
  one.operation.parameters.flatMap(({ in: place, name }) => {
    const prefix = { device_id: 'dev_', end_user_id: 'eu_' }[name] as keyof Ids | undefined
    return place === 'query' && prefix ? [{ one, name, prefix }] : []
  }),
)

test('an id of another’s in a query finds nothing, in the same bytes', async () => {
  assert.ok(idFilters.length > 0)
  const ids = await freshOf(own, worlds.test)
  for (const stranger of Object.values(strangers))
    for (const { one, name, prefix } of idFilters) {
      const { route } = prepare(one, { path: { ...nobody, dev_: await stranger.register() } })
      const ask = (named: Ids) => call(stranger.key, `${route}?${name}=${named[prefix]}`)
      // The log moves by itself: the two are compared as of one point of it.
      const [theirs, none] = await until(
        async () => {
          const both = [await ask(ids), await ask(nobody)] as const
          const [a, b] = both.map(({ headers }) => headers.get('position'))
          return a === b && both
        },
        { what: 'two answers at one position' },
      )
      assert.is(bytesOf(theirs), bytesOf(none), `${one.name} ${name}`)
    }
})

test('a list shows nothing of another’s', async () => {
  const ids = await freshOf(own, worlds.test)
  for (const stranger of Object.values(strangers))
    for (const one of scoped.filter(
      ({ route, pathIds }) => route.method === 'GET' && pathIds.length === 0,
    )) {
      const answer = await send(stranger.key, one, ids)
      assert.ok(isGood(answer), one.name)
      const text = JSON.stringify(answer.body)
      for (const id of [ids.dev_, ids.eu_, ids.key_]) assert.not.ok(text.includes(id), one.name)
    }
})

test.after(served.end)
test.run()

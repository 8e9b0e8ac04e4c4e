import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectDevice, type TestDevice } from '../support/mqtt-device.ts'
import { type ServedLapel, serveLapel } from '../support/served-lapel.ts'
import { until } from '../support/until.ts'

// HTTP contract, decision 6, branch by branch: whether a token is used over HTTP or over MQTT.
const test = suite('token refresh')
const lapel = await serveLapel()
const [graceSeconds, dayMs] = [2, 86_400_000]
const short = await serveLapel({ LAPEL_TOKEN_GRACE_SECONDS: `${graceSeconds}` })
const atOnce = await serveLapel({ LAPEL_TOKEN_GRACE_SECONDS: '0' })

type Fact = {
  readonly type: string
  readonly at: string
  readonly data: Readonly<Record<string, unknown>>
}
const historyOf = async (on: ServedLapel, id: string): Promise<readonly Fact[]> =>
  (await on.api(`GET /v1/devices/${id}/history?order=asc`)).body['data'] as Fact[]
const typesOf = async (on: ServedLapel, id: string) =>
  (await historyOf(on, id)).slice(3).map(({ type }) => type)

const refresh = (on: ServedLapel, token: string) =>
  on.call(token, 'POST /v1/devices/me/token/refresh')
const refreshed = async (on: ServedLapel, token: string): Promise<string> => {
  const { status, body } = await refresh(on, token)
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return String(body['device_token'])
}

/** `true`: the token was taken. */
type Use = (on: ServedLapel, token: string) => Promise<boolean>
const ways: Readonly<Record<'HTTP' | 'MQTT', Use>> = {
  HTTP: async (on, token) => {
    const { status } = await on.call(token, 'GET /v1/devices/me')
    assert.ok(status === 200 || status === 401, `${status}`)
    return status === 200
  },
  MQTT: async (on, token) => {
    const device = await connectDevice(on.mqttPort, token).catch(
      (error: { code?: number }) => error.code,
    )
    if (typeof device === 'object') await device.end()
    assert.ok(typeof device === 'object' || device === 5, `${device}`)
    return typeof device === 'object'
  },
}

const reusesIn = (facts: readonly Fact[]) =>
  facts.filter(({ type }) => type === 'TokenReuseDetected').map(({ data }) => data['token_id'])
const idOf = (token: string): string => token.slice('dtok_'.length, 'dtok_'.length + 12)

for (const [way, use] of Object.entries(ways)) {
  test(`${way}: a lost reply locks nobody out; refreshed again, the unseen token ends`, async () => {
    const { id, token } = await lapel.boundDevice()
    const lost = await refreshed(lapel, token)
    assert.ok(await use(lapel, token), 'the old one works until the new one is used')
    const next = await refreshed(lapel, token)
    assert.not.ok(await use(lapel, lost), 'replaced unseen')
    assert.ok(await use(lapel, token))
    assert.ok(await use(lapel, next))
    assert.not.ok(await use(lapel, token), 'superseded')
    assert.is((await refresh(lapel, token)).status, 401)
    assert.ok(await use(lapel, next))
    await until(async () => reusesIn(await historyOf(lapel, id)).length === 2, {
      what: 'both theft signals',
    })
    const facts = await historyOf(lapel, id)
    const decided = facts.slice(3).filter(({ type }) => type !== 'TokenReuseDetected')
    assert.equal(
      decided.map(({ type, data }) => [type, data['token_id'] ?? data['token_ids']]),
      [
        ['DeviceTokenRefreshed', idOf(lost)],
        ['DeviceTokenRefreshed', idOf(next)],
        ['DeviceTokenRevoked', [idOf(lost)]],
        ['DeviceTokenConfirmed', idOf(next)],
      ],
    )
    const [first] = decided
    const endMs = Date.parse(String(first?.data['old_valid_until']))
    assert.is(endMs - Date.parse(String(first?.at)), dayMs)
  })

  test(`${way}: the theft of a token is recorded once an hour, however often it is tried`, async () => {
    const { id, token } = await lapel.boundDevice()
    const next = await refreshed(lapel, token)
    assert.ok(await use(lapel, next))
    for (let n = 0; n < 5; n += 1) assert.not.ok(await use(lapel, token))
    await until(async () => reusesIn(await historyOf(lapel, id)).length > 0, { what: 'the signal' })
    // Whatever the tries began was decided before this write, in the same stream.
    await lapel.api(`PATCH /v1/devices/${id}`, { name: 'After' })
    assert.equal(reusesIn(await historyOf(lapel, id)), [idOf(token)])
  })

  test(`${way}: the first use of the new token ends the sessions on the old one`, async () => {
    const { id, token } = await lapel.boundDevice()
    const session: TestDevice = await connectDevice(lapel.mqttPort, token)
    const next = await refreshed(lapel, token)
    await session.publish('v1/devices/me/heartbeat', { battery_percent: 9 })
    assert.ok(await use(lapel, next))
    await session.closed
    assert.ok((await typesOf(lapel, id)).includes('DeviceTokenConfirmed'))
  })

  test(`${way}: unused, the new token waits; the old one ends by the clock, and is no theft`, async () => {
    const { id, token } = await short.boundDevice()
    const session = await connectDevice(short.mqttPort, token)
    const next = await refreshed(short, token)
    const since = performance.now()
    assert.ok(await use(short, token))
    await session.closed
    // A device that signs in too often is told to come back later.
    await until(async () => !(await use(short, token)), {
      everyMs: 500,
      what: 'the end of the old token',
    })
    assert.ok(performance.now() - since >= graceSeconds * 1_000 - 100)
    assert.is((await refresh(short, token)).status, 401)
    assert.ok(await use(short, next))
    assert.not.ok((await typesOf(short, id)).includes('TokenReuseDetected'))
  })

  test(`${way}: without a grace the old one ends at once`, async () => {
    const { token } = await atOnce.boundDevice()
    const next = await refreshed(atOnce, token)
    assert.not.ok(await use(atOnce, token))
    assert.ok(await use(atOnce, next))
  })
}

test('to refresh with the new token is to use it', async () => {
  const { id, token } = await lapel.boundDevice()
  const next = await refreshed(lapel, token)
  const third = await refreshed(lapel, next)
  assert.is((await refresh(lapel, token)).status, 401)
  assert.ok(await ways.HTTP(lapel, third))
  const decided = (await typesOf(lapel, id)).filter((type) => type !== 'TokenReuseDetected')
  assert.equal(decided, [
    'DeviceTokenRefreshed',
    'DeviceTokenConfirmed',
    'DeviceTokenRefreshed',
    'DeviceTokenConfirmed',
  ])
})

test('an unbind ends the old token and the new one', async () => {
  const { id, token } = await lapel.boundDevice()
  const next = await refreshed(lapel, token)
  await lapel.api(`POST /v1/devices/${id}/unbind`)
  for (const use of Object.values(ways))
    for (const one of [token, next]) assert.not.ok(await use(lapel, one))
})

test.after(async () => {
  for (const one of [lapel, short, atOnce]) {
    await one.stop()
    await one.remove()
  }
})
test.run()

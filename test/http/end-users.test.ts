import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { endUserReply } from '../../protocol/replies.ts'
import { codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('end users over HTTP')
const served = await serve()
const { ask, person } = await customerOf(served)

const patch = (id: string, body: object, headers = {}) =>
  ask(`PATCH /v1/end-users/${id}`, { body, headers })

test('PATCH changes what was sent, once, and null takes it away', async () => {
  const id = await person({ external_id: 'p-1', email: 'a@example.com', metadata: { a: 1 } })
  const first = await patch(id, { name: 'Ada', email: null })
  assert.is(first.status, 200)
  assert.equal(endUserReply.parse(first.body), first.body)
  const { external_id, email, name, metadata } = first.body
  assert.equal([external_id, email, name, metadata], ['p-1', null, 'Ada', { a: 1 }])
  const again = await patch(id, { name: 'Ada', email: null })
  assert.equal([again.body, again.headers.get('etag')], [first.body, first.headers.get('etag')])
  assert.is(again.headers.get('position'), first.headers.get('position'))
  const read = await ask(`GET /v1/end-users/${id}`)
  assert.equal([read.body, read.headers.get('etag')], [first.body, first.headers.get('etag')])
  const wrong = await patch(id, { email: 'nobody', metadata: { a: [] } })
  assert.equal([wrong.status, codeOf(wrong)], [422, 'validation_failed'])
  assert.is((await patch(`eu_${'0'.repeat(22)}`, { name: 'B' })).status, 404)
})

test('PATCH under If-Match: on the revision that was seen, or not at all', async () => {
  const id = await person()
  const etag = (await ask(`GET /v1/end-users/${id}`)).headers.get('etag') ?? ''
  assert.is((await patch(id, { name: 'A' }, { 'if-match': etag })).status, 200)
  const stale = await patch(id, { name: 'B' }, { 'if-match': etag })
  assert.equal([stale.status, codeOf(stale)], [412, 'precondition_failed'])
  const same = await ask(`GET /v1/end-users/${id}`, {
    headers: { 'if-none-match': (await ask(`GET /v1/end-users/${id}`)).headers.get('etag') ?? '' },
  })
  assert.is(same.status, 304)
})

test('nobody is erased yet', async () => {
  const answer = await ask(`DELETE /v1/end-users/${await person()}`)
  assert.equal(
    [answer.status, codeOf(answer), answer.headers.get('allow')],
    [405, 'method_not_allowed', 'GET, HEAD, OPTIONS, PATCH'],
  )
})

test('an external id moves: the new one is taken, the old one is free', async () => {
  const [a, b] = [await person({ external_id: 'm-1' }), await person({ external_id: 'm-2' })]
  const taken = await patch(a, { external_id: 'm-2' })
  assert.equal(
    [taken.status, codeOf(taken), errorOf(taken).param],
    [409, 'resource_already_exists', 'external_id'],
  )
  assert.is((await patch(a, { external_id: 'm-3' })).status, 200)
  assert.is((await patch(b, { external_id: 'm-1' })).status, 200)
  assert.is((await patch(a, { external_id: 'm-2' })).status, 200)
  assert.is((await patch(b, { external_id: null })).status, 200)
  const created = await ask('POST /v1/end-users', { body: { external_id: 'm-1' } })
  assert.is(created.status, 201)
  const found = await ask('GET /v1/end-users?external_id=m-2')
  assert.equal(
    (found.body['data'] as { id: string }[]).map(({ id }) => id),
    [a],
  )
})

const values = ['x', 'y', 'z']
const steps = fc.array(
  fc.record({ who: fc.nat({ max: 3 }), value: fc.constantFrom(...values, null) }),
  { minLength: 4, maxLength: 10 },
)

test('whoever asks at once for the same external ids, no two people have one', async () => {
  let run = 0
  const property = fc.asyncProperty(steps, async (life) => {
    run += 1
    const named = (value: string | null) => (value === null ? null : `${run}-${value}`)
    const people = await Promise.all(Array.from({ length: 3 }, () => person({})))
    const statuses = await Promise.all(
      life.map(async ({ who, value }) => {
        const body = { external_id: named(value) ?? undefined }
        const id = people[who]
        if (id) return (await patch(id, { external_id: named(value) })).status
        const made = await ask('POST /v1/end-users', { body })
        if (made.status === 201) people.push(String(made.body['id']))
        return made.status
      }),
    )
    assert.equal(
      statuses.filter((status) => ![200, 201, 409, 503].includes(status)),
      [],
    )
    const rows = await Promise.all(people.map((one) => ask(`GET /v1/end-users/${one}`)))
    const held = rows.map(({ body }) => body['external_id']).filter((value) => value !== null)
    assert.is(new Set(held).size, held.length, held.join())
    // And what nobody has is to be had.
    for (const value of values.map((one) => `${run}-${one}`)) {
      const made = await ask('POST /v1/end-users', { body: { external_id: value } })
      assert.is(made.status, held.includes(value) ? 409 : 201, value)
    }
  })
  await fc.assert(property, { numRuns: 6 })
})

test('nothing of what went wrong was unforeseen', async () => {
  assert.equal(
    served.lines.filter(({ level }) => level === 'error'),
    [],
  )
})

test.after(served.end)
test.run()

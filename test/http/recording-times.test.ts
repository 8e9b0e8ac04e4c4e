import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mediaSecondsMax } from '../../protocol/limits.ts'
import { customerOf, errorOf, serve } from './served.ts'

const test = suite('when a recording over HTTP began and ended')
const served = await serve()
const own = await customerOf(served)
const person = await own.person()

const create = (body: object) =>
  own.ask('POST /v1/recordings', { body: { end_user_id: person, ...body } })
const timesOf = ({ body }: Awaited<ReturnType<typeof create>>) => [
  body['started_at'],
  body['ended_at'],
  body['duration_ms'],
]

test('one that is over when it is told keeps its end, in the reply and in every read', async () => {
  const began = '2026-11-26T05:00:00.000Z'
  const ended = '2026-11-26T05:10:00.500Z'
  const made = await create({ started_at: began, ended_at: ended })
  assert.is(made.status, 201, JSON.stringify(made.body))
  assert.equal(timesOf(made), [began, ended, null])
  const read = await own.ask(`GET /v1/recordings/${made.body['id']}`)
  assert.equal(read.body, made.body)

  const short = await create({ started_at: began, ended_at: began })
  assert.equal(timesOf(short), [began, began, null])
  const without = await create({ ended_at: ended })
  assert.equal(timesOf(without), [ended, ended, null])
})

test('an end before the beginning is refused', async () => {
  const body = { started_at: '2026-11-26T05:00:00.001Z', ended_at: '2026-11-26T05:00:00Z' }
  const refused = await create(body)
  assert.is(refused.status, 422)
  const details = [{ field: 'ended_at', reason: 'must not be before started_at' }]
  assert.equal(errorOf(refused)['details'], details)
})

test('how long a file lasts is what its upload-complete says, at most a week', async () => {
  const id = (await create({})).body['id']
  const asked = await own.ask(`POST /v1/recordings/${id}/upload-url`, { body: {} })
  const { upload_url, headers } = asked.body as {
    upload_url: string
    headers: Record<string, string>
  }
  await fetch(upload_url, { method: 'PUT', body: Buffer.from('the bytes of one file'), headers })
  const complete = (duration_seconds: number) =>
    own.ask(`POST /v1/recordings/${id}/upload-complete`, { body: { duration_seconds } })
  assert.is((await complete(mediaSecondsMax + 1)).status, 422)
  const done = await complete(mediaSecondsMax - 0.5)
  assert.is(done.status, 200, JSON.stringify(done.body))
  assert.is(done.body['duration_ms'], mediaSecondsMax * 1_000 - 500)
  const position = done.headers.get('position') ?? ''
  const read = await own.ask(`GET /v1/recordings/${id}`, { headers: { 'min-position': position } })
  assert.equal(read.body, done.body)
  // It is uploaded, and lasts what it lasts.
  assert.equal((await complete(mediaSecondsMax)).body, done.body)
})

test.after(served.end)
test.run()

import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkCertificate } from '../../protocol/certificate.ts'
import { opusChunks } from '../support/opus.ts'
import { until } from '../support/until.ts'
import { type Answer, codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('recordings over HTTP')
const served = await serve()
const { call } = served
const own = await customerOf(served)

const sha256Of = (body: Uint8Array) => createHash('sha256').update(body).digest('hex')
const idOf = ({ body }: Answer) => String(body['id'])

const newRecording = async (body: object = {}): Promise<string> => {
  const answer = await own.ask('POST /v1/recordings', {
    body: { end_user_id: await own.person(), ...body },
  })
  assert.is(answer.status, 201, JSON.stringify(answer.body))
  return idOf(answer)
}

type Granted = {
  readonly upload_url: string
  readonly headers: Record<string, string>
  readonly upload_token: string
  readonly media_id: string
}

const granted = async (id: string, body: object = {}, key = own.key): Promise<Granted> => {
  const answer = await call(key, `POST /v1/recordings/${id}/upload-url`, { body })
  assert.is(answer.status, 200, JSON.stringify(answer.body))
  return answer.body as unknown as Granted
}

const put = (url: string, body: Uint8Array<ArrayBuffer>, given: Record<string, string> = {}) =>
  fetch(url, { method: 'PUT', body, headers: given })

/** The relay of this node; its public address is another. */
const relay = (template: string, body: Uint8Array<ArrayBuffer>, chunk?: number) =>
  put(
    template.replace('https://lapel.example', served.url).replace('{index}', String(chunk)),
    body,
    { 'content-type': 'application/octet-stream' },
  )

const isUploaded = async (id: string) => {
  await until(
    async () => (await own.ask(`GET /v1/recordings/${id}`)).body['status'] === 'uploaded',
    {
      what: 'uploaded',
    },
  )
}

test('one file: created, put, completed, downloaded, by its range too', async () => {
  const id = await newRecording({ name: 'Stand-up', metadata: { room: 'B12' } })
  const body = Buffer.from('the bytes of one file')
  const asked = {
    content_type: 'audio/mpeg',
    file_size_bytes: body.length,
    content_sha256: sha256Of(body),
  }
  const grant = await granted(id, asked)
  const early = await own.ask(`POST /v1/recordings/${id}/upload-complete`)
  assert.equal([early.status, codeOf(early)], [409, 'invalid_state'])
  assert.is((await put(grant.upload_url, Buffer.from('too short'), grant.headers)).status, 403)
  assert.is((await put(grant.upload_url, body, grant.headers)).status, 200)
  assert.is((await put(grant.upload_url, body, grant.headers)).status, 412)
  const done = await own.ask(`POST /v1/recordings/${id}/upload-complete`, {
    body: { content_sha256: sha256Of(body), file_size_bytes: body.length },
  })
  assert.equal([done.status, done.body['status'], done.body['name']], [200, 'uploaded', 'Stand-up'])
  const again = await own.ask(`POST /v1/recordings/${id}/upload-complete`)
  assert.equal(again.body, done.body)
  const position = done.headers.get('position') ?? ''
  const read = await own.ask(`GET /v1/recordings/${id}`, { headers: { 'min-position': position } })
  assert.equal(read.body, done.body)
  assert.is(read.headers.get('etag'), done.headers.get('etag'))
  for (const method of ['GET', 'POST']) {
    const { body: url } = await own.ask(`${method} /v1/recordings/${id}/download-url`)
    const response = await fetch(String(url['download_url']), { headers: { range: 'bytes=4-8' } })
    assert.equal([response.status, await response.text()], [206, 'bytes'])
    assert.is(response.headers.get('content-type'), 'audio/mpeg')
  }
  assert.is(codeOf(await own.ask(`POST /v1/recordings/${id}/upload-url`)), 'invalid_state')
  const other = await own.ask(`GET /v1/recordings/${id}/download-url?media_id=med_x`)
  assert.equal([other.status, errorOf(other).param], [404, 'media_id'])
})

test('what is not what was said of it is taken away, and may come again', async () => {
  const id = await newRecording()
  const grant = await granted(id, { content_type: 'audio/wav' })
  assert.is((await put(grant.upload_url, Buffer.from('wrong'), grant.headers)).status, 200)
  const body = Buffer.from('right')
  const wrong = await own.ask(`POST /v1/recordings/${id}/upload-complete`, {
    body: { content_sha256: sha256Of(body) },
  })
  assert.equal([wrong.status, codeOf(wrong)], [409, 'invalid_state'])
  assert.is((await put(grant.upload_url, body, grant.headers)).status, 200)
  assert.is((await own.ask(`POST /v1/recordings/${id}/upload-complete`)).status, 200)
})

test('in chunks by the template alone: relayed, finalized, stitched, certified', async () => {
  const { id, token, person } = await own.bound()
  const begun = await call(token, 'POST /v1/recordings', {
    body: { streaming: true, device_id: 'dev_x', end_user_id: 'eu_x' },
  })
  assert.equal([begun.body['device_id'], begun.body['end_user_id']], [id, person])
  const recording = idOf(begun)
  const template = String(begun.body['chunk_upload_url_template'])
  const finalize = (total_chunks: number) =>
    call(token, `POST /v1/recordings/${recording}/finalize`, {
      body: { total_chunks, final_duration_ms: 1_000 },
    })
  for (const index of [2, 1]) {
    const body = Buffer.from(opusChunks[index - 1] ?? [])
    for (const _ of 'ab') assert.is((await relay(template, body, index)).status, 200)
  }
  assert.is((await relay(template, Buffer.from('another'), 1)).status, 409)
  const tooMany = await finalize(3)
  assert.equal([tooMany.status, codeOf(tooMany)], [422, 'chunk_count_mismatch'])
  const done = await finalize(2)
  assert.equal([done.status, done.body['chunks_received']], [200, 2])
  assert.is((await finalize(2)).status, 200)
  await isUploaded(recording)
  assert.is((await relay(template, Buffer.from('late'), 3)).status, 409)
  const { body } = await own.ask(`GET /v1/recordings/${recording}/download-url`)
  const response = await fetch(String(body['download_url']))
  const whole = Buffer.from(await response.arrayBuffer())
  assert.is(response.headers.get('content-type'), 'audio/ogg')
  assert.is(whole.length, Buffer.concat(opusChunks).length)
  const certificate = await own.ask(`GET /v1/recordings/${recording}/certificate`)
  const checked = checkCertificate(certificate.body)
  assert.is(checked.kind, 'good')
  if (checked.kind !== 'good') return
  const { object, owner, events, chunks } = checked.signed.certificate
  assert.is(object.sha256, sha256Of(whole))
  assert.is(owner.end_user_id, person)
  assert.equal(
    chunks.map(({ sha256 }) => sha256),
    opusChunks.map(sha256Of),
  )
  assert.equal(
    events.map(({ type }) => type),
    ['DeviceBound', 'RecordingStarted', 'RecordingFinished', 'RecordingStitched'],
  )
})

test('a chunk may be put straight into the object store', async () => {
  const id = await newRecording({ streaming: true, codec: 'mp3' })
  const body = Buffer.from('chunk one')
  const chunk = { index: 1, file_size_bytes: body.length, content_sha256: sha256Of(body) }
  const grant = await granted(id, { chunk })
  assert.is((await put(grant.upload_url, body, grant.headers)).status, 200)
  const key = new URL(grant.upload_url).pathname.split('/').slice(2).join('/')
  const told = (text: string) =>
    call(null, 'POST /internal/s3-events', {
      body: { Records: [{ s3: { object: { key: encodeURIComponent(key) } } }] },
      headers: { authorization: `Bearer ${text}` },
    })
  assert.is((await told('somebody')).status, 401)
  assert.equal((await told('an-object-store-bearer')).body, { hints: 1 })
  const isStored = async () => {
    const { body: now } = await own.ask(`GET /v1/recordings/${id}`)
    return (now['chunks'] as { stored: number }).stored === 1
  }
  await until(isStored, { what: 'the chunk' })
  assert.is((await granted(id, { chunk })).upload_url, null)
  const otherwise = { ...chunk, content_sha256: sha256Of(Buffer.from('else')) }
  const conflict = await own.ask(`POST /v1/recordings/${id}/upload-url`, {
    body: { chunk: otherwise },
  })
  assert.equal([conflict.status, errorOf(conflict).param], [409, 'chunk'])
})

test('an upload token opens its recording’s uploads and nothing else', async () => {
  const [id, other] = [await newRecording(), await newRecording()]
  const { upload_token, media_id } = await granted(id, { content_type: 'audio/mpeg' })
  const body = Buffer.from('relayed')
  const url = (text: string) => `${served.url}/v1/uploads/${text}`
  const answer = await relay(url(upload_token), body)
  assert.is(answer.status, 200)
  assert.is(((await answer.json()) as { media_id: string }).media_id, media_id)
  assert.is((await relay(url(upload_token), body)).status, 412)
  const [payload, mac] = upload_token.split('.')
  for (const text of ['up_x', `${payload}.${'A'.repeat(43)}`, `${payload}x.${mac}`])
    assert.is((await relay(url(text), body)).status, 401)
  const refused: readonly (readonly [string, number])[] = [
    [`POST /v1/recordings/${other}/upload-complete`, 403],
    [`POST /v1/recordings/${other}/upload-url`, 403],
    [`GET /v1/recordings/${id}`, 403],
    [`DELETE /v1/recordings/${id}`, 403],
    ['GET /v1/devices', 403],
  ]
  for (const [route, status] of refused)
    assert.is((await call(upload_token, route)).status, status, route)
  const done = await call(upload_token, `POST /v1/recordings/${id}/upload-complete`)
  assert.equal([done.status, done.body['status']], [200, 'uploaded'])
})

test('changed, listed, deleted', async () => {
  const person = await own.person()
  const id = await newRecording({ end_user_id: person, name: 'Old' })
  const read = await own.ask(`GET /v1/recordings/${id}`)
  const etag = read.headers.get('etag') ?? ''
  const changed = await own.ask(`PATCH /v1/recordings/${id}`, {
    body: { name: 'New', metadata: { a: 1 } },
    headers: { 'if-match': etag },
  })
  assert.equal([changed.body['name'], changed.body['metadata']], ['New', { a: 1 }])
  const stale = { headers: { 'if-match': etag } }
  assert.is(
    (await own.ask(`PATCH /v1/recordings/${id}`, { body: { name: 'No' }, ...stale })).status,
    412,
  )
  assert.is((await own.ask(`DELETE /v1/recordings/${id}`, stale)).status, 412)
  const nameless = await own.ask(`PATCH /v1/recordings/${id}`, { body: { name: null } })
  assert.equal([nameless.body['name'], nameless.body['metadata']], [null, { a: 1 }])
  const list = async (query: string) =>
    ((await own.ask(`GET /v1/recordings?${query}`)).body['data'] as { id: string }[]).map(
      (one) => one.id,
    )
  assert.equal(await list(`end_user_id=${person}`), [id])
  assert.equal(await list(`end_user_id=${person}&status=pending`), [id])
  assert.equal(await list(`end_user_id=${person}&status=uploaded`), [])
  assert.equal(await list('device_id=dev_x'), [])
  const gone = await own.ask(`DELETE /v1/recordings/${id}`)
  assert.equal([gone.status, gone.body], [204, { text: '' }])
  for (const route of [`GET /v1/recordings/${id}`, `DELETE /v1/recordings/${id}`])
    assert.is((await own.ask(route)).status, 404)
  assert.equal(await list(`end_user_id=${person}`), [])
})

test('recorded before the device was theirs: in quarantine until somebody says whose it is', async () => {
  const { token, person } = await own.bound()
  const begun = await call(token, 'POST /v1/recordings', {
    body: { started_at: '2026-01-01T00:00:00Z' },
  })
  const id = idOf(begun)
  assert.equal([begun.body['status'], begun.body['end_user_id']], ['quarantined', null])
  const unknown = await own.ask(`POST /v1/recordings/${id}/assign`, {
    body: { end_user_id: 'eu_x' },
  })
  assert.equal([unknown.status, errorOf(unknown).param], [404, 'end_user_id'])
  const sent = { body: { end_user_id: person }, headers: { 'idempotency-key': 'assign-1' } }
  const assigned = await own.ask(`POST /v1/recordings/${id}/assign`, sent)
  assert.equal([assigned.body['status'], assigned.body['end_user_id']], ['pending', person])
  const again = await own.ask(`POST /v1/recordings/${id}/assign`, sent)
  assert.is(again.headers.get('idempotent-replayed'), 'true')
  const other = { end_user_id: await own.person() }
  assert.is((await own.ask(`POST /v1/recordings/${id}/assign`, { body: other })).status, 409)
})

test('a creation is safe to repeat, and names what is wrong with it', async () => {
  const sent = {
    body: { end_user_id: await own.person(), name: 'Once' },
    headers: { 'idempotency-key': 'rec-1' },
  }
  const first = await own.ask('POST /v1/recordings', sent)
  const second = await own.ask('POST /v1/recordings', sent)
  assert.is(idOf(second), idOf(first))
  assert.is(second.headers.get('idempotent-replayed'), 'true')
  const mismatch = await own.ask('POST /v1/recordings', {
    ...sent,
    body: { ...sent.body, name: 'X' },
  })
  assert.is(codeOf(mismatch), 'idempotency_mismatch')
  const cases: readonly (readonly [object, number, string])[] = [
    [{}, 422, 'end_user_id'],
    [{ end_user_id: 'eu_x' }, 404, 'end_user_id'],
    [{ device_id: 'dev_x' }, 404, 'device_id'],
    [{ device_id: await own.register() }, 422, 'end_user_id'],
    [{ end_user_id: await own.person(), codec: 'wav' }, 422, 'codec'],
  ]
  for (const [body, status, param] of cases) {
    const answer = await own.ask('POST /v1/recordings', { body })
    assert.equal(
      [answer.status, errorOf(answer).param],
      [status, param],
      JSON.stringify(answer.body),
    )
  }
})

test('another device’s recording is 403, whether it is there or not', async () => {
  const [mine, theirs] = [await own.bound(), await own.bound()]
  const begun = await call(mine.token, 'POST /v1/recordings', { body: {} })
  for (const id of [idOf(begun), `rec_${'0'.repeat(22)}`, 'rec_x'])
    for (const what of ['upload-url', 'upload-complete', 'finalize']) {
      const body = { total_chunks: 1, final_duration_ms: 1 }
      const answer = await call(theirs.token, `POST /v1/recordings/${id}/${what}`, { body })
      assert.equal([answer.status, codeOf(answer)], [403, 'forbidden'], `${what} ${id}`)
    }
})

test.after(served.end)
test.run()

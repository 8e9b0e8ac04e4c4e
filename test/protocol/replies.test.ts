import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import * as replies from '../../protocol/replies.ts'

const test = suite('replies')

const at = '2026-11-22T10:00:00.123Z'
const neverHeard: object = {
  id: 'dev_0LapelVectorDevice0001',
  project_id: 'proj_0LapelVectorsTest00001',
  serial_number: 'SN-1',
  model: 'bota_pin',
  name: null,
  firmware_version: null,
  status: 'unbound',
  generation: 1,
  end_user_id: null,
  bound_at: null,
  metadata: {},
  created_at: at,
  updated_at: at,
  battery_percent: null,
  storage_used_mb: null,
  storage_total_mb: null,
  signal_strength_dbm: null,
  last_heartbeat_at: null,
  recording_state: null,
  online: false,
  last_seen_at: null,
  session_since: null,
  session_reason: null,
}

test('a device that was never heard of has every member, those of its health null', () => {
  assert.equal(replies.deviceReply.parse(neverHeard), neverHeard)
  for (const member of Object.keys(neverHeard)) {
    const { [member]: _, ...rest } = Object.fromEntries(Object.entries(neverHeard))
    assert.not.ok(replies.deviceReply.safeParse(rest).success, member)
  }
})

test('a secret is sent once, or said to be gone', () => {
  assert.ok(replies.bindReply.safeParse({ ...neverHeard, device_token: 'dtok_x' }).success)
  assert.ok(replies.bindReply.safeParse({ ...neverHeard, secret_available: false }).success)
  assert.not.ok(replies.bindReply.safeParse({ ...neverHeard, secret_available: true }).success)
})

test('a heartbeat is answered with the least', () => {
  assert.equal(replies.heartbeatReply.parse({ status: 'ok' }), { status: 'ok' })
})

test('a page, an error, an owner', () => {
  const page = { data: [neverHeard], has_more: false, next_cursor: null }
  assert.equal(replies.deviceListReply.parse(page), page)
  const error = {
    code: 'validation_failed',
    message: 'x',
    details: [{ field: 'a', reason: 'b' }],
    request_id: 'req_x',
  }
  assert.equal(replies.errorReply.parse({ error }), { error })
  assert.not.ok(replies.errorReply.safeParse({ error: { ...error, code: 'oops' } }).success)
  const owner = {
    device_id: 'dev_0LapelVectorDevice0001',
    end_user_id: null,
    binding_id: null,
    since: null,
    until: null,
    at,
    known_at: at,
    revision: 3,
  }
  assert.equal(replies.ownerReply.parse(owner), owner)
})

test('every reply can be described to a client', () => {
  const schemas = Object.entries(replies).filter(([name]) => /^(?!list).*Reply$/.test(name))
  assert.ok(schemas.length > 15)
  for (const [name, schema] of schemas) {
    assert.ok(schema instanceof z.ZodType, name)
    if (!(schema instanceof z.ZodType)) return
    const described = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
    // One that has a name of its own is described under that name.
    assert.ok(described.type === 'object' || described.$ref !== undefined, name)
  }
})

test.run()

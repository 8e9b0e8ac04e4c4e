import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { httpErrors, mqttErrorCodes, mqttErrors } from '../../protocol/errors.ts'

const test = suite('errors')

test('the codes of HTTP, each with its status, are these and no others', () => {
  const byStatus = Object.groupBy(Object.entries(httpErrors), ([, { status }]) => status)
  const codes = Object.entries(byStatus).map(([status, list]) => [
    Number(status),
    list?.map(([code]) => code),
  ])
  assert.equal(codes, [
    [400, ['invalid_request']],
    [401, ['unauthorized']],
    [403, ['insufficient_scope', 'forbidden']],
    [404, ['not_found']],
    [405, ['method_not_allowed']],
    [
      409,
      ['device_already_bound', 'resource_already_exists', 'invalid_state', 'idempotency_mismatch'],
    ],
    [412, ['precondition_failed']],
    [413, ['payload_too_large']],
    [415, ['unsupported_media_type']],
    [422, ['validation_failed', 'chunk_count_mismatch']],
    [429, ['rate_limit_exceeded']],
    [500, ['internal_error']],
    [503, ['unavailable', 'projection_behind']],
  ])
})

test('the codes of down/errors are these and no others', () => {
  assert.equal(
    [...mqttErrorCodes],
    [
      'malformed',
      'validation_failed',
      'too_large',
      'unknown_version',
      'unknown_topic',
      'recording_not_found',
      'recording_closed',
      'chunk_conflict',
      'checksum_mismatch',
      'rate_limited',
      'not_implemented',
    ],
  )
  const passing = mqttErrorCodes.filter((code) => !mqttErrors[code].fatal)
  assert.equal(passing, ['recording_not_found', 'checksum_mismatch', 'rate_limited'])
})

test('each says something', () => {
  for (const { message } of [...Object.values(httpErrors), ...Object.values(mqttErrors)])
    assert.match(message, /^[A-Z].+\.$/)
})

test.run()

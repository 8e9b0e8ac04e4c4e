import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { z } from 'zod'
import {
  emailCharsMax,
  externalIdCharsMax,
  faultFieldCharsMax,
  faultsMax,
  firmwareVersionCharsMax,
  idempotencyKeyCharsMax,
  keyOverlapSecondsDefault,
  keyOverlapSecondsMax,
  modelCharsMax,
  nameCharsMax,
  pageOffsetRowsMax,
  pageRowsDefault,
  pageRowsMax,
  serialNumberCharsMax,
  soughtCharsMax,
} from '../../protocol/limits.ts'
import {
  bindBody,
  createDeviceBody,
  createEndUserBody,
  createKeyBody,
  createProjectBody,
  faultsOf,
  heartbeatBody,
  listDevicesQuery,
  pageQuery,
  parseIdempotencyKey,
  rotateKeyBody,
  updateDeviceBody,
} from '../../protocol/requests.ts'
import { scopes } from '../../protocol/scopes.ts'

import { faults, refuses, takes } from './judging.ts'

const test = suite('requests')

/** A text member of a body: fine at its limit, a fault one past it and in every wrong form. */
const isText = (schema: z.ZodType, base: object, field: string, charsMax: number): void => {
  takes(schema, { ...base, [field]: 'x'.repeat(charsMax) })
  for (const wrong of [
    'x'.repeat(charsMax + 1),
    '',
    7,
    null,
    true,
    ['x'],
    { a: 1 },
    '\ud800',
    'a\0b',
    'a\nb',
  ])
    refuses(schema, { ...base, [field]: wrong }, field)
}

const device = { serial_number: 'SN-1', model: 'bota_pin' }

test('text members at their limits and one past them', () => {
  isText(createDeviceBody, device, 'serial_number', serialNumberCharsMax)
  isText(createDeviceBody, device, 'model', modelCharsMax)
  isText(createDeviceBody, device, 'name', nameCharsMax)
  isText(createDeviceBody, device, 'firmware_version', firmwareVersionCharsMax)
  isText(updateDeviceBody, {}, 'name', nameCharsMax)
  isText(updateDeviceBody, {}, 'firmware_version', firmwareVersionCharsMax)
  isText(createEndUserBody, {}, 'external_id', externalIdCharsMax)
  isText(createEndUserBody, {}, 'name', nameCharsMax)
  isText(createKeyBody, {}, 'name', nameCharsMax)
  isText(createProjectBody, {}, 'name', nameCharsMax)
})

test('what must be there', () => {
  refuses(createDeviceBody, {}, 'serial_number', 'model')
  refuses(bindBody, {}, 'end_user_id')
  refuses(createProjectBody, {}, 'name')
  for (const [schema, least] of [
    [createEndUserBody, {}],
    [updateDeviceBody, {}],
    [createKeyBody, {}],
    [rotateKeyBody, {}],
    [heartbeatBody, {}],
  ] as const)
    takes(schema, least)
  const missing = bindBody.safeParse({})
  assert.equal(missing.success ? [] : faultsOf(missing.error), [
    { field: 'end_user_id', reason: 'is required' },
  ])
})

test('a body that is no object', () => {
  for (const schema of [
    createEndUserBody,
    createDeviceBody,
    updateDeviceBody,
    bindBody,
    createKeyBody,
    rotateKeyBody,
    createProjectBody,
    heartbeatBody,
    listDevicesQuery,
  ])
    for (const body of [null, [], 'x', 7, true, undefined]) refuses(schema, body, 'body')
})

test('unknown members are ignored and do not get through', () => {
  assert.equal(createDeviceBody.parse({ ...device, pk_d: 'x', status: 'bound' }), device)
  assert.equal(createEndUserBody.parse({ id: 'eu_x', deleted_at: null }), {})
})

test('a serial number is printable', () => {
  for (const good of ['0', 'SN 0001/a', 'ÄÖ-9', '序列号', '😀'])
    takes(createDeviceBody, { ...device, serial_number: good })
  for (const bad of [
    ' SN',
    'SN ',
    ' ',
    'S\tN',
    'S\u200bN',
    'S\u00adN',
    'S\u2028N',
    '\ufeffSN',
    'S\u007fN',
    '\ud83d',
  ])
    refuses(createDeviceBody, { ...device, serial_number: bad }, 'serial_number')
})

test('a model is a slug, and may come under its first name', () => {
  for (const good of ['bota_pin', 'bota-note.v2', '7'])
    takes(createDeviceBody, { ...device, model: good })
  for (const bad of ['Bota Pin', '_x', 'a/b', 'ü'])
    refuses(createDeviceBody, { ...device, model: bad }, 'model')
  assert.equal(createDeviceBody.parse({ serial_number: 'a', device_type: 'bota_pin_v1' }), {
    serial_number: 'a',
    model: 'bota_pin_v1',
  })
  assert.equal(createDeviceBody.parse({ ...device, device_type: 'other' }), device)
  refuses(createDeviceBody, { serial_number: 'a', device_type: 7 }, 'model')
})

test('an e-mail address is plausible', () => {
  const domain = '@example.org'
  for (const good of [
    'a@b.c',
    'Anna.B+x@sub.example.org',
    'anna@exämple.org',
    'x'.repeat(emailCharsMax - domain.length) + domain,
  ])
    takes(createEndUserBody, { email: good })
  for (const bad of [
    'not-an-email',
    'a@b',
    '@b.c',
    'a@',
    'a b@c.d',
    'a@@b.c',
    'a@b..c',
    'a@.c',
    'a\n@b.c',
    '',
    7,
    'x'.repeat(emailCharsMax - domain.length + 1) + domain,
  ])
    refuses(createEndUserBody, { email: bad }, 'email')
})

test('keys: mode, scopes, overlap', () => {
  takes(createKeyBody, { mode: 'live', scopes: [...scopes] })
  refuses(createKeyBody, { mode: 'prod' }, 'mode')
  refuses(createKeyBody, { scopes: [] }, 'scopes')
  refuses(createKeyBody, { scopes: ['devices:read', 'devices:read'] }, 'scopes')
  refuses(createKeyBody, { scopes: ['devices:read', 'all'] }, 'scopes.1')
  assert.equal(rotateKeyBody.parse({}), { overlap_seconds: keyOverlapSecondsDefault })
  for (const good of [0, keyOverlapSecondsMax]) takes(rotateKeyBody, { overlap_seconds: good })
  for (const bad of [-1, keyOverlapSecondsMax + 1, 0.5, '60'])
    refuses(rotateKeyBody, { overlap_seconds: bad }, 'overlap_seconds')
})

test('the query of a list', () => {
  assert.equal(pageQuery.parse({}), { limit: pageRowsDefault })
  assert.equal(pageQuery.parse({ limit: '1', offset: '0' }), { limit: 1, offset: 0 })
  assert.equal(
    pageQuery.parse({ limit: String(pageRowsMax), offset: String(pageOffsetRowsMax), cursor: 'c' }),
    { limit: pageRowsMax, offset: pageOffsetRowsMax, cursor: 'c' },
  )
  for (const limit of ['0', String(pageRowsMax + 1), '-1', '1.5', 'x', '', '1e1', ['1', '2']])
    refuses(pageQuery, { limit }, 'limit')
  for (const offset of [String(pageOffsetRowsMax + 1), '-1', '9'.repeat(40)])
    refuses(pageQuery, { offset }, 'offset')
})

test('an Idempotency-Key has one form', () => {
  for (const good of ['a', 'Az09-_', 'k'.repeat(idempotencyKeyCharsMax)])
    assert.is(parseIdempotencyKey(good), good)
  for (const bad of [
    '',
    'k'.repeat(idempotencyKeyCharsMax + 1),
    'a b',
    'a\n',
    'a\0',
    'ü',
    undefined,
    ['a'],
  ])
    assert.is(parseIdempotencyKey(bad), undefined)
})

test('faults are bounded and hold nothing of what was sent', () => {
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`k${i}`, 1]))
  assert.is(faults(updateDeviceBody, { settings: many }).length, faultsMax)
  assert.is(faults(updateDeviceBody, { settings: { power: many, audio: many } }).length, faultsMax)
  const [field] = faults(updateDeviceBody, { settings: { ['x'.repeat(100_000)]: 1 } })
  assert.ok((field?.length ?? 0) <= 200)
  const result = createEndUserBody.safeParse({
    email: 'secret-thing',
    name: 'secret-thing\n',
    metadata: { a: ['secret-thing'] },
  })
  assert.not.ok(JSON.stringify(result.success || faultsOf(result.error)).includes('secret-thing'))
})

test('no document breaks a schema', () => {
  const names = [
    'serial_number',
    'model',
    'device_type',
    'metadata',
    'settings',
    'name',
    'scopes',
    'email',
    'boot',
    'at',
  ]
  const body = fc.dictionary(fc.constantFrom(...names), fc.jsonValue())
  fc.assert(
    fc.property(fc.oneof(body, fc.jsonValue()), (value) => {
      for (const schema of [
        createDeviceBody,
        updateDeviceBody,
        createEndUserBody,
        createKeyBody,
        heartbeatBody,
        listDevicesQuery,
      ])
        for (const field of faults(schema, value)) assert.type(field, 'string')
    }),
  )
})

test('a value to look for at its limit and one past it', () => {
  takes(listDevicesQuery, { model: 'a'.repeat(soughtCharsMax) })
  refuses(listDevicesQuery, { model: 'a'.repeat(soughtCharsMax + 1) }, 'model')
})

test('a fault names its field up to the limit', () => {
  const named = (chars: number) => {
    const member = 'm'.repeat(chars - 'metadata.'.length)
    const body = { serial_number: 'S', model: 'pin', metadata: { [member]: 1 } }
    const parsed = createDeviceBody.safeParse(body)
    return parsed.success ? [] : faultsOf(parsed.error).map(({ field }) => field.length)
  }
  assert.equal(named(faultFieldCharsMax), [faultFieldCharsMax])
  assert.equal(named(faultFieldCharsMax + 1), [faultFieldCharsMax])
})

test('a reason says what the value must be, in the same words everywhere', () => {
  const reasons = (schema: z.ZodType, value: unknown) => {
    const { error } = schema.safeParse(value)
    return error ? faultsOf(error).map(({ field, reason }) => `${field} ${reason}`) : []
  }
  assert.equal(reasons(listDevicesQuery, { limit: '101', status: 'lost', created_from: 'x' }), [
    'limit must be at most 100',
    'created_from must be an RFC 3339 time',
    'status must be one of "unbound", "bound", "retired"',
  ])
  assert.equal(reasons(createDeviceBody, { serial_number: 7, model: 'x'.repeat(65) }), [
    'serial_number must be a string',
    'model must be at most 64 characters',
  ])
  assert.equal(reasons(createDeviceBody, []), ['body must be an object'])
  assert.equal(reasons(createKeyBody, { scopes: [] }), ['scopes must not be empty'])
  assert.equal(reasons(heartbeatBody, { battery_percent: 101, flags: -1, seq: 1.5 }), [
    'battery_percent must be at most 100',
    'flags must be at least 0',
    'seq must be a whole number',
  ])
})

test.run()

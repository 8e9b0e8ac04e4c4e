import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type DeviceId, parseId } from '../../protocol/ids.ts'
import { topicLevelsMax } from '../../protocol/limits.ts'
import {
  type DownMessage,
  downFilter,
  downTopic,
  parseDownFilter,
  parseDownTopic,
  parseUpTopic,
  recordingId,
  recordingIdOf,
  type UpMessage,
  type UpTopic,
  upTopic,
} from '../../protocol/topics.ts'
import { vector } from './vectors.ts'

const test = suite('topics')

const known = vector<{
  up: { topic: string; parsed: UpTopic }[]
  up_unknown: string[]
  up_unknown_version: string[]
  up_foreign: string[]
  down: { topic: string; parsed: object }[]
  filters: { filter: string; device: string }[]
  filters_refused: string[]
}>('topics')

const base62 = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']
const id = (prefix: string) =>
  fc
    .string({ unit: fc.constantFrom(...base62), minLength: 22, maxLength: 22 })
    .map((body) => prefix + body)
const aDevice = (text: string): 'me' | DeviceId => parseId('dev_', text) ?? 'me'
const device = fc.oneof(fc.constant('me' as const), id('dev_').map(aDevice))
const encoding = fc.constantFrom('json' as const, 'cbor' as const)
const recording = fc.oneof(
  fc.uuid(),
  fc.uuid().map((uuid) => uuid.toUpperCase()),
  id('rec_'),
)

test('what a device publishes to', () => {
  for (const { topic, parsed } of known.up) assert.equal(parseUpTopic(topic), parsed, topic)
})

test('an unknown topic below a device, an unknown version and a foreign form are told apart', () => {
  const kinds = (topics: readonly string[]) => topics.map((topic) => parseUpTopic(topic)?.kind)
  assert.equal(new Set(kinds(known.up_unknown)), new Set(['unknown']))
  assert.equal(new Set(kinds(known.up_unknown_version)), new Set(['unknown-version']))
  for (const topic of known.up_foreign)
    assert.is(parseUpTopic(topic), undefined, JSON.stringify(topic))
})

test('levels at the limit and one past it', () => {
  const topic = (levels: number) => `v1/devices/me${'/x'.repeat(levels - 3)}`
  assert.is(parseUpTopic(topic(topicLevelsMax))?.kind, 'unknown')
  assert.is(parseUpTopic(topic(topicLevelsMax + 1)), undefined)
  assert.is(parseUpTopic('v1/devices/me'.concat('/'.repeat(60_000))), undefined)
  const longest = downTopic(
    'me',
    `recordings/${'0b5c7f1e-8d4a-4c7e-9f6b-2a1d3e4f5a6b'}/grants`,
    'cbor',
  )
  assert.is(longest.split('/').length, topicLevelsMax)
})

test('up: what is written is read', () => {
  const plain = fc.constantFrom<UpMessage>('boot', 'heartbeat', 'settings/reported', 'will')
  const steps = fc.constantFrom('start' as const, 'chunks' as const, 'finish' as const)
  const message = fc.oneof(
    plain.map((text) => ({ text, part: undefined })),
    fc
      .tuple(recording, steps)
      .map(([part, step]) => ({ text: `recordings/${part}/${step}` as const, part })),
    id('cmd_').map((part) => ({ text: `commands/${part}/result` as const, part })),
  )
  fc.assert(
    fc.property(device, encoding, message, (who, how, { text, part }) => {
      const parsed = parseUpTopic(upTopic(who, text, how))
      assert.ok(parsed && parsed.kind !== 'unknown')
      assert.equal([parsed?.device, parsed?.encoding], [who, how])
      const named =
        parsed &&
        ('recording' in parsed
          ? parsed.recording
          : 'command' in parsed
            ? parsed.command
            : undefined)
      assert.is(named, part)
    }),
  )
})

test('down: what is written is read', () => {
  for (const { topic, parsed } of known.down) assert.equal(parseDownTopic(topic), parsed, topic)
  const plain = fc.constantFrom<DownMessage>('settings', 'token', 'errors', 'time')
  const message = fc.oneof(
    plain,
    recording.map((part): DownMessage => `recordings/${part}/grants`),
    recording.map((part): DownMessage => `recordings/${part}/watermark`),
    id('cmd_').map((part): DownMessage => `commands/${part}`),
  )
  fc.assert(
    fc.property(device, encoding, message, (who, how, text) => {
      const topic = downTopic(who, text, how)
      const parsed = parseDownTopic(topic)
      assert.equal([parsed?.device, parsed?.encoding], [who, how], topic)
      assert.is(parseUpTopic(topic)?.kind, 'unknown', 'nobody publishes downwards')
    }),
  )
  for (const topic of [
    'v1/devices/me/time',
    'v1/devices/me/down',
    'v1/devices/me/down/x',
    'v2/devices/me/down/time',
  ])
    assert.is(parseDownTopic(topic), undefined, topic)
})

test('a device may subscribe to its own downlink and to nothing else', () => {
  for (const { filter, device: who } of known.filters) {
    assert.is(parseDownFilter(filter), who)
    assert.is(downFilter(aDevice(who)), filter)
  }
  for (const filter of known.filters_refused) assert.is(parseDownFilter(filter), undefined, filter)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (filter) =>
      assert.is(parseDownFilter(filter), undefined),
    ),
  )
})

test('no topic breaks the parser', () => {
  const level = fc.oneof(
    fc.string(),
    fc.constantFrom('v1', 'devices', 'me', 'cbor', '__proto__', 'recordings', 'start'),
  )
  fc.assert(
    fc.property(fc.array(level, { maxLength: 12 }), (levels) => {
      const parsed = parseUpTopic(levels.join('/'))
      assert.ok(parsed === undefined || parsed.device === 'me')
    }),
    { numRuns: 3_000 },
  )
})

test('both sides compute the same id of a recording', () => {
  const vectors =
    vector<{ device_id: string; uuid: string; recording_id: string }[]>('recording-ids')
  for (const { device_id, uuid, recording_id } of vectors) {
    const who = parseId('dev_', device_id)
    assert.ok(who)
    if (!who) return
    assert.is(recordingId(who, uuid), recording_id)
    assert.is(recordingIdOf(who, uuid), recording_id)
    assert.is(recordingIdOf(who, recording_id), recording_id)
    assert.is(parseId('rec_', recording_id), recording_id)
  }
})

test.run()

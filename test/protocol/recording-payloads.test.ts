import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  channelsMax,
  chunkBytesMax,
  chunkIndexMax,
  chunksPerMessageMax,
  reasonCharsMax,
  sampleRateHzMax,
} from '../../protocol/limits.ts'
import { contentTypes, isContentType } from '../../protocol/media.ts'
import { chunkKey, mediaKey, parseChunkKey, stitchedKey } from '../../protocol/object-keys.ts'
import {
  chunksMessage,
  deviceInstant,
  finishMessage,
  startMessage,
} from '../../protocol/recording-payloads.ts'
import { projectNamed, recordingNamed } from '../domain/recording/sample.ts'

const test = suite('payloads of recordings')

type Schema = { readonly safeParse: (value: unknown) => { readonly success: boolean } }
type Limits = Readonly<Record<string, readonly [good: readonly unknown[], bad: readonly unknown[]]>>

const judge = (schema: Schema, base: object, limits: Limits): void => {
  for (const [member, [good, bad]] of Object.entries(limits)) {
    for (const value of good)
      assert.ok(schema.safeParse({ ...base, [member]: value }).success, `${member} ${value}`)
    for (const value of bad)
      assert.not.ok(schema.safeParse({ ...base, [member]: value }).success, `${member} ${value}`)
  }
}

const times = [
  [0, 1_785_680_000_000, '2026-11-22T10:00:00Z', '2026-11-22T10:00:00.123456+01:00'],
  [-1, 1.5, 8.64e15, '2026-11-22', '1969-12-31T23:59:59Z', 'now', null],
] as const

test('a start: every member at its limits and past them', () => {
  const start = { codec: 'opus', sample_rate: 16_000, started_at: 0 }
  judge(startMessage, start, {
    codec: [
      ['opus', 'pcm_s16le', 'aac', 'mp3'],
      ['OPUS', 'flac', '', null, undefined],
    ],
    sample_rate: [
      [1, sampleRateHzMax],
      [0, sampleRateHzMax + 1, 44_100.5, '16000', undefined],
    ],
    channels: [
      [1, channelsMax, undefined],
      [0, channelsMax + 1],
    ],
    started_at: [times[0], [...times[1], undefined]],
    planned_chunk_bytes: [
      [1, chunkBytesMax],
      [0, chunkBytesMax + 1],
    ],
    clock_synced: [
      [true, false],
      [1, 'true'],
    ],
    boot: [
      [0, 17, '3f0c7a52-6b7d-4f0e-9a53-0e4c8f1d2b6a'],
      [-1, 'seventeen'],
    ],
    at: [[0, '2026-11-22T10:00:00Z'], ['yesterday']],
  })
})

test('chunks: every member at its limits and past them, 1 to 64 of them', () => {
  const chunk = { index: 1, bytes: 1, sha256: 'a'.repeat(64) }
  const one = (value: object) => ({ chunks: [value] })
  const schema: Schema = { safeParse: (value) => chunksMessage.safeParse(one(value as object)) }
  judge(schema, chunk, {
    index: [
      [1, chunkIndexMax],
      [0, -1, chunkIndexMax + 1, 2 ** 31, 1.5, '1', undefined],
    ],
    bytes: [
      [1, chunkBytesMax],
      [0, chunkBytesMax + 1, undefined],
    ],
    sha256: [['0'.repeat(64)], ['A'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), undefined]],
    started_at: [[...times[0], undefined], times[1]],
    duration_ms: [
      [0, 2 ** 53 - 1, undefined],
      [-1, 2 ** 53],
    ],
  })
  const many = (count: number) => ({
    chunks: Array.from({ length: count }, (_, i) => ({ ...chunk, index: i + 1 })),
  })
  assert.ok(chunksMessage.safeParse(many(chunksPerMessageMax)).success)
  assert.not.ok(chunksMessage.safeParse(many(chunksPerMessageMax + 1)).success)
  assert.not.ok(chunksMessage.safeParse(many(0)).success)
})

test('a finish: every member at its limits and past them', () => {
  const finish = { total_chunks: 1, total_bytes: 1, duration_ms: 1, ended_at: 0 }
  judge(finishMessage, finish, {
    total_chunks: [
      [0, chunkIndexMax],
      [-1, chunkIndexMax + 1, undefined],
    ],
    total_bytes: [
      [0, 2 ** 53 - 1],
      [-1, 2 ** 53, undefined],
    ],
    duration_ms: [[0], [-1, undefined]],
    ended_at: [times[0], [...times[1], undefined]],
    reason: [
      ['', 'button', 'r'.repeat(reasonCharsMax), undefined],
      ['r'.repeat(reasonCharsMax + 1), 'a\0', '\ud800', 1],
    ],
  })
})

test('a time of the device as it is stored', () => {
  assert.is(deviceInstant(1_785_680_000_001), '2026-08-02T14:13:20.001Z')
  assert.is(deviceInstant('2026-11-22T10:00:00.1239+01:00'), '2026-11-22T09:00:00.123Z')
})

test('the key of a chunk names it, and no other object is one', () => {
  const place = { project: projectNamed('one'), recording: recordingNamed('one') }
  const chunk = { index: 100_000, sha256: 'b'.repeat(64), attempt: 3 }
  const key = chunkKey(place, chunk)
  assert.is(key, `${place.project}/${place.recording}/100000/${chunk.sha256}-3`)
  assert.equal(parseChunkKey(key), { ...place, ...chunk })
  const others = [
    stitchedKey(place.project, place.recording, 'ogg'),
    mediaKey(place.project, place.recording, { mediaId: 'med_' as never, name: 'audio.mp3' }),
    `/${key}`,
    `${key}/`,
    key.replace('100000', '0100'),
    key.replace('-3', '-03'),
    '',
  ]
  for (const other of others) assert.is(parseChunkKey(other), undefined, other)
})

test('content types are what the contract lists', () => {
  assert.ok(Object.keys(contentTypes).every(isContentType))
  for (const other of ['audio/OPUS', 'toString', '', 'text/html', 'image/gif'])
    assert.not.ok(isContentType(other))
})

test.run()

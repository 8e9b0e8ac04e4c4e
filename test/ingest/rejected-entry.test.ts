import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId, type TokenId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { mqttRejectBytesMax, mqttStoredTopicCharsMax } from '../../protocol/limits.ts'
import { rejectedEntry } from '../../src/ingest/rejected-entry.ts'
import { open } from '../../src/store/seal.ts'

const test = suite('a message that is kept for inspection')
const sealKey = randomBytes(32)
const sender = {
  project: newId('proj_', randomBytes),
  deviceId: newId('dev_', randomBytes),
  endUserId: newId('eu_', randomBytes),
  tokenId: 'AAAAAAAAAAAA' as TokenId,
  sealKey,
}

const kept = (topic: string, payload: Buffer, key: Uint8Array | undefined = sealKey) => {
  const refused = { code: 'malformed', topic, payload }
  const at = { rx: instantOf(0), random: randomBytes }
  const entry = rejectedEntry({ ...sender, sealKey: key }, refused, at)
  if (entry.k !== 'rejected') throw new Error('another kind')
  const body = entry.data.sealed && open(entry.data.sealed, sealKey)?.['body']
  return { data: entry.data, body: Buffer.from(String(body ?? ''), 'base64') }
}

test('its body at the limit and one past it, its length always', () => {
  const payload = randomBytes(mqttRejectBytesMax + 1)
  assert.equal(kept('t', payload.subarray(1)).body, payload.subarray(1))
  const { body, data } = kept('t', payload)
  assert.equal([body, data.bytes], [payload.subarray(0, mqttRejectBytesMax), payload.length])
})

test('its topic at the limit and one past it, never half a character', () => {
  const topic = 'a'.repeat(mqttStoredTopicCharsMax)
  assert.is(kept(topic, Buffer.alloc(0)).data.topic, topic)
  assert.is(kept(`${topic}b`, Buffer.alloc(0)).data.topic, topic)
  const cut = `${topic.slice(1)}💍`
  assert.ok(kept(cut, Buffer.alloc(0)).data.topic.isWellFormed())
})

test('without a key nothing of the body, but its length and hash', () => {
  const refused = { code: 'malformed', topic: 't', payload: Buffer.from('secret') }
  const at = { rx: instantOf(0), random: randomBytes }
  const { data } = rejectedEntry({ ...sender, sealKey: undefined }, refused, at)
  assert.equal(Object.keys(data).sort(), ['bytes', 'code', 'sha256', 'topic'])
})

test.run()

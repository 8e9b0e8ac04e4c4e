import { randomBytes, randomUUID } from 'node:crypto'
import rpcCode from '@eventstore/db-client/generated/code_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import rpcStatus from '@eventstore/db-client/generated/status_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import fc from 'fast-check'
import anyPb from 'google-protobuf/google/protobuf/any_pb.js'
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { appendBytesMax } from '../../protocol/limits.ts'
import { appendRequest } from '../../src/store/append-request.ts'
import { appendResponse } from '../../src/store/append-response.ts'
import { type NewEvent, StoreUnavailable } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { startEventStore } from '../support/event-store.ts'
import { until } from '../support/until.ts'

const test = suite('appends')
const server = await startEventStore()
const store = connectEventStore(server.url)

const anyEvent: fc.Arbitrary<NewEvent> = fc.record({
  id: fc.uuid(),
  type: fc.string({ unit: 'grapheme', maxLength: 200 }),
  data: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.dictionary(fc.string(), fc.jsonValue())),
  metadata: fc.dictionary(fc.string(), fc.jsonValue()),
})

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

test('a request is what the generated classes read', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.array(anyEvent, { maxLength: 5 }),
      fc.oneof(fc.constant('no_stream' as const), fc.maxSafeNat()),
      fc.nat({ max: 4_102_444_800_000 }),
      (stream, events, expected, deadlineMs) => {
        const correlation = randomUUID()
        const { bytes, dataBytes } = appendRequest({
          correlation,
          stream,
          events,
          expected,
          deadlineMs,
        })
        const read = streams.BatchAppendReq.deserializeBinary(bytes)
        const options = read.getOptions()
        assert.is(read.getCorrelationId()?.getString(), correlation)
        assert.is(read.getIsFinal(), true)
        assert.is(textOf(options?.getStreamIdentifier()?.getStreamName_asU8() ?? bytes), stream)
        assert.is(options?.getDeadline()?.toDate().getTime(), deadlineMs)
        assert.is(options?.hasNoStream(), expected === 'no_stream')
        assert.is(options?.hasStreamPosition(), expected !== 'no_stream')
        if (expected !== 'no_stream') assert.is(options?.getStreamPosition(), String(expected))
        const messages = read.getProposedMessagesList()
        assert.is(messages.length, events.length)
        let sum = 0
        for (const [i, message] of messages.entries()) {
          const { id, type, data, metadata } = events[i] as NewEvent
          const isBytes = data instanceof Uint8Array
          assert.is(message.getId()?.getString(), id)
          const about = message.getMetadataMap()
          assert.is(about.getLength(), 2)
          assert.is(about.get('type'), type)
          const contentType = isBytes ? 'application/octet-stream' : 'application/json'
          assert.is(about.get('content-type'), contentType)
          const bytesRead = message.getData_asU8()
          sum += bytesRead.length
          if (isBytes) assert.equal(Buffer.from(bytesRead), Buffer.from(data))
          else assert.is(textOf(bytesRead), JSON.stringify(data))
          assert.is(textOf(message.getCustomMetadata_asU8()), JSON.stringify(metadata))
        }
        assert.is(dataBytes, sum)
      },
    ),
  )
})

const correlation = 'f0e1d2c3-b4a5-9687-0918-2736455463ff'

const answer = (about: (response: InstanceType<typeof streams.BatchAppendResp>) => void) => {
  const response = new streams.BatchAppendResp().setCorrelationId(
    new shared.UUID().setString(correlation),
  )
  about(response)
  return appendResponse(Buffer.from(response.serializeBinary()))
}

const succeeded = () => new streams.BatchAppendResp.Success()
const at = (commit: string) =>
  new shared.AllStreamPosition().setCommitPosition(commit).setPreparePosition(commit)

const failed = (message: string, name: string) => {
  const details = new anyPb.Any()
  details.pack(new Uint8Array(), `event_store.client.${name}`)
  return new rpcStatus.Status()
    .setCode(rpcCode.Code.UNKNOWN)
    .setMessage(message)
    .setDetails(details)
}

test('a success says revision and position, where there is one', () => {
  const first = answer((to) =>
    to.setSuccess(succeeded().setCurrentRevision('0').setPosition(at('7'))),
  )
  assert.equal(first, { correlation, answer: { kind: 'appended', position: 7n, revision: 0 } })
  const late = `${2 ** 53 - 1}`
  const last = answer((to) =>
    to.setSuccess(succeeded().setCurrentRevision('1048576').setPosition(at(late))),
  )
  assert.equal(last.answer, { kind: 'appended', position: BigInt(late), revision: 1_048_576 })
  const empty = answer((to) =>
    to.setSuccess(succeeded().setNoStream(new emptyPb.Empty()).setPosition(at('9'))),
  )
  assert.equal(empty.answer, { kind: 'appended', position: 9n, revision: -1 })
  const repeat = answer((to) =>
    to.setSuccess(succeeded().setCurrentRevision('3').setNoPosition(new emptyPb.Empty())),
  )
  assert.equal(repeat.answer, { kind: 'appended-somewhere' })
})

test('an error is a conflict, or a refusal with its reason', () => {
  const conflict = answer((to) =>
    to.setError(failed('Wrong expected version.', 'WrongExpectedVersion')),
  )
  assert.equal(conflict, { correlation, answer: { kind: 'conflict' } })
  const timeout = answer((to) => to.setError(failed('Timeout', 'Timeout')))
  assert.is(timeout.answer.kind, 'refused')
  assert.match(JSON.stringify(timeout.answer), /Timeout type\.googleapis\.com.*\.Timeout/)
})

test('a correlation id comes back as text or as two numbers of 64 bits', () => {
  const numbers = new shared.UUID.Structured()
    .setMostSignificantBits(BigInt.asIntN(64, 0xf0e1d2c3b4a59687n).toString())
    .setLeastSignificantBits(BigInt.asIntN(64, 0x09182736455463ffn).toString())
  const response = new streams.BatchAppendResp()
    .setCorrelationId(new shared.UUID().setStructured(numbers))
    .setSuccess(succeeded().setCurrentRevision('1').setPosition(at('2')))
  assert.is(appendResponse(Buffer.from(response.serializeBinary())).correlation, correlation)
})

test('what is cut off, or says nothing, is no answer', () => {
  assert.throws(() => answer(() => {}), /neither success nor error/)
  const whole = new streams.BatchAppendResp()
    .setCorrelationId(new shared.UUID().setString(correlation))
    .setSuccess(succeeded().setCurrentRevision('1').setPosition(at('2')))
    .serializeBinary()
  for (let length = 0; length < whole.length; length += 1)
    assert.throws(() => appendResponse(Buffer.from(whole.subarray(0, length))))
})

const eventOf = (bytes: number): NewEvent => ({
  id: randomUUID(),
  type: 'Bytes',
  data: randomBytes(bytes),
  metadata: {},
})

const refusal = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error) => error,
  )

test('appendBytesMax of data are taken; one more byte never leaves', async () => {
  const stream = `proj_large-${randomUUID()}`
  const first = await store.append(stream, [eventOf(appendBytesMax)], 'no_stream')
  assert.is(first.kind, 'appended')
  const error = await refusal(store.append(stream, [eventOf(appendBytesMax + 1)], 0))
  assert.instance(error, StoreUnavailable)
  assert.is((await store.readStream(stream)).length, 1)
})

test('many at a time are answered each by its own, and a repeat as the first', async () => {
  const streamOf = (i: number) => `proj_many-${correlation}-${i}`
  const events = Array.from({ length: 200 }, () => eventOf(10))
  const all = () =>
    Promise.all(events.map((event, i) => store.append(streamOf(i), [event], 'no_stream')))
  const results = await all()
  assert.equal(await all(), results)
  const positions = results.map((result) => (result.kind === 'appended' ? result.position : 0n))
  assert.is(new Set(positions).size, events.length)
  const other = await store.append(streamOf(0), [eventOf(10)], 'no_stream')
  assert.equal(other, { kind: 'conflict' })
})

test('a store that ends leaves no append without an answer, and the next goes to the one that follows', async () => {
  const own = await startEventStore()
  const mine = connectEventStore(own.url)
  const first = eventOf(10)
  assert.is((await mine.append('proj_end-1', [first], 'no_stream')).kind, 'appended')
  const pending = Array.from({ length: 50 }, (_, i) =>
    refusal(mine.append(`proj_end-${i + 2}`, [eventOf(10)], 'no_stream')),
  )
  await own.kill9()
  for (const error of await Promise.all(pending))
    if (error !== undefined) assert.instance(error, StoreUnavailable)
  assert.instance(await refusal(mine.append('proj_end-1', [eventOf(10)], 0)), StoreUnavailable)
  await own.restart()
  const next = eventOf(10)
  const appended = await until(() => mine.append('proj_end-1', [next], 0), {
    what: 'an append to the store that was started again',
  })
  assert.is(appended.kind, 'appended')
  await mine.close()
  await own.stop()
})

test.after(async () => {
  await store.close()
  await server.stop()
})

test.run()

import shared from '@eventstore/db-client/generated/shared_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import fc from 'fast-check'
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js'
import timestampPb from 'google-protobuf/google/protobuf/timestamp_pb.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  decodeBatchAppend,
  encodeBatchSuccess,
} from '../../src/embedded/event-store/codec/batch-append.ts'
import { encodeReadEvent } from '../../src/embedded/event-store/codec/read-event.ts'
import { type StoredRow, storedTombstone } from '../../src/embedded/event-store/stored.ts'
import { streamIdentifier, uuidMessage } from '../../src/embedded/event-store/wire.ts'

// The codec of our own against the generated classes: the same bytes out, the same contents in.

const uuid = fc.uuid()
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 })
const bytes = fc.uint8Array({ maxLength: 400 })
const wholeNumber = fc.oneof(
  fc.nat(),
  fc.constantFrom(0, 127, 128, 2 ** 32 - 1, 2 ** 32, 2 ** 45, Number.MAX_SAFE_INTEGER),
)
const form = fc.constantFrom('string' as const, 'structured' as const)

const row: fc.Arbitrary<StoredRow> = fc.record({
  position: wholeNumber.filter((position) => position > 0),
  stream: name,
  revision: fc.oneof(wholeNumber, fc.constant(storedTombstone)),
  id: uuid,
  type: name,
  contentType: fc.constantFrom('application/json', 'application/octet-stream'),
  createdMs: fc.integer({ min: 1, max: 4_102_444_800_000 }),
  data: bytes,
  metadata: bytes,
})

const generatedEvent = (one: StoredRow, uuids: 'string' | 'structured') => {
  const event = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(uuidMessage(one.id, uuids))
    .setStreamIdentifier(streamIdentifier(one.stream))
    .setStreamRevision(
      one.revision === storedTombstone ? '9223372036854775807' : String(one.revision),
    )
    .setPreparePosition(String(one.position))
    .setCommitPosition(String(one.position))
    .setCustomMetadata(one.metadata)
    .setData(one.data)
  event
    .getMetadataMap()
    .set('type', one.type)
    .set('content-type', one.contentType)
    .set('created', (BigInt(one.createdMs) * 10_000n).toString())
  return event
}

const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

test('an event that is read has the bytes of the generated classes', () => {
  fc.assert(
    fc.property(row, fc.option(row), fc.boolean(), form, (one, target, link, uuids) => {
      const read = new streams.ReadResp.ReadEvent().setCommitPosition(String(one.position))
      if (link) read.setLink(generatedEvent(one, uuids))
      const shown = link ? target : one
      if (shown) read.setEvent(generatedEvent(shown, uuids))
      const expected = new streams.ReadResp().setEvent(read).serializeBinary()
      const item = { row: one, link, target: target ?? undefined }
      assert.is(hex(encodeReadEvent(item, uuids)), hex(expected))
    }),
    { numRuns: 500 },
  )
})

const proposal = fc.record({ id: uuid, type: name, data: bytes, metadata: bytes, uuids: form })
const expectation = fc.oneof(
  fc.constantFrom('any' as const, 'no_stream' as const, 'stream_exists' as const),
  wholeNumber,
)
const deadline = fc.record({ seconds: fc.nat(), nanos: fc.integer({ min: 0, max: 999_999_999 }) })

const generatedOptions = (
  stream: string,
  expected: 'any' | 'no_stream' | 'stream_exists' | number,
  due: { readonly seconds: number; readonly nanos: number } | null,
) => {
  const options = new streams.BatchAppendReq.Options().setStreamIdentifier(streamIdentifier(stream))
  if (expected === 'any') options.setAny(new emptyPb.Empty())
  else if (expected === 'no_stream') options.setNoStream(new emptyPb.Empty())
  else if (expected === 'stream_exists') options.setStreamExists(new emptyPb.Empty())
  else options.setStreamPosition(String(expected))
  if (due)
    options.setDeadline(new timestampPb.Timestamp().setSeconds(due.seconds).setNanos(due.nanos))
  return options
}

const generatedProposal = (one: {
  readonly id: string
  readonly type: string
  readonly data: Uint8Array
  readonly metadata: Uint8Array
  readonly uuids: 'string' | 'structured'
}) => {
  const message = new streams.BatchAppendReq.ProposedMessage()
    .setId(uuidMessage(one.id, one.uuids))
    .setData(one.data)
    .setCustomMetadata(one.metadata)
  message.getMetadataMap().set('type', one.type).set('content-type', 'application/json')
  return message
}

test('a batch of appends is read as the generated classes read it', () => {
  fc.assert(
    fc.property(
      fc.record({
        correlation: uuid,
        uuids: form,
        stream: name,
        expected: expectation,
        due: fc.option(deadline),
        events: fc.array(proposal, { maxLength: 5 }),
        isFinal: fc.boolean(),
      }),
      ({ correlation, uuids, stream, expected, due, events, isFinal }) => {
        const request = new streams.BatchAppendReq()
          .setCorrelationId(uuidMessage(correlation, uuids))
          .setOptions(generatedOptions(stream, expected, due))
          .setProposedMessagesList(events.map(generatedProposal))
          .setIsFinal(isFinal)
        const decoded = decodeBatchAppend(Buffer.from(request.serializeBinary()))
        const known = events.filter(({ id }) => id !== '00000000-0000-0000-0000-000000000000')
        assert.is(
          hex(decoded.correlation ?? Buffer.alloc(0)),
          hex(uuidMessage(correlation, uuids).serializeBinary()),
        )
        assert.equal(decoded.options, {
          stream,
          expected,
          deadlineMs: due ? due.seconds * 1_000 + due.nanos / 1e6 : undefined,
        })
        assert.is(decoded.isFinal, isFinal)
        assert.equal(
          decoded.events.map(({ id, type, data, metadata }) => [
            id,
            type,
            hex(data),
            hex(metadata),
          ]),
          known.map(({ id, type, data, metadata }) => [id, type, hex(data), hex(metadata)]),
        )
      },
    ),
    { numRuns: 500 },
  )
})

test('bytes that are no protobuf are refused, and never read past their end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
      try {
        decodeBatchAppend(Buffer.from(garbage))
      } catch (error) {
        assert.instance(error, Error)
      }
    }),
    { numRuns: 2_000 },
  )
  const whole = Buffer.from(
    new streams.BatchAppendReq()
      .setOptions(generatedOptions('a', 'any', null))
      .setIsFinal(true)
      .serializeBinary(),
  )
  assert.throws(() => decodeBatchAppend(whole.subarray(0, 4)), /cut off/)
})

test('an answer has the bytes of the generated classes', () => {
  const place = fc.option(wholeNumber)
  fc.assert(
    fc.property(
      fc.oneof(wholeNumber, fc.constant(-1)),
      place,
      name,
      uuid,
      (revision, position, stream, correlation) => {
        const success = new streams.BatchAppendResp.Success()
        if (revision < 0) success.setNoStream(new emptyPb.Empty())
        else success.setCurrentRevision(String(revision))
        if (position === null) success.setNoPosition(new emptyPb.Empty())
        else
          success.setPosition(
            new shared.AllStreamPosition()
              .setCommitPosition(String(position))
              .setPreparePosition(String(position)),
          )
        const expected = new streams.BatchAppendResp()
          .setCorrelationId(uuidMessage(correlation, 'string'))
          .setSuccess(success)
          .setStreamIdentifier(streamIdentifier(stream))
        const own = encodeBatchSuccess(
          { revision, position: position ?? undefined },
          stream,
          Buffer.from(uuidMessage(correlation, 'string').serializeBinary()),
        )
        assert.equal(
          streams.BatchAppendResp.deserializeBinary(own).toObject(),
          streams.BatchAppendResp.deserializeBinary(expected.serializeBinary()).toObject(),
        )
      },
    ),
    { numRuns: 300 },
  )
})

test.run()

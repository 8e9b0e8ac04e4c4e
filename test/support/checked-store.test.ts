import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkWritten } from './checked-store.ts'

const test = suite('checked store')
const stream = 'proj_0000000000000000000001.recording-rec_0000000000000000000001'
const salt = 'c2FsdA'
const data = { reason: 'not_ogg', salt }

test('an event that is written as its schema says passes', () => {
  checkWritten(stream, { type: 'RecordingFailed', data })
  checkWritten('ingest.20261126-0000000000000000.0', { type: 'Anything', data: {} })
})

test('bites: an unknown type, a wrong form, a member that nobody will read, no salt', () => {
  const wrong = [
    { type: 'RecordingForgotten', data },
    { type: 'RecordingFailed', data: { reason: 7, salt } },
    { type: 'RecordingFailed', data: { ...data, because: 'more' } },
    { type: 'RecordingFailed', data: { reason: 'not_ogg' } },
  ]
  for (const event of wrong) assert.throws(() => checkWritten(stream, event))
})

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plainBytesMax } from '../../protocol/limits.ts'
import { packed, unpacked } from '../../src/store/packed.ts'

const test = suite('packed JSON')

const of = (bytes: number): string =>
  `["${'é'.repeat(Math.floor((bytes - 4) / 2))}${'a'.repeat(bytes % 2)}"]`

test(`${plainBytesMax} bytes stand as they are, one more is packed, and both come back`, () => {
  const short = of(plainBytesMax)
  assert.is(packed(short).toString('utf8'), short)
  const long = of(plainBytesMax + 1)
  assert.is(Buffer.byteLength(long), plainBytesMax + 1)
  assert.ok(packed(long).length < plainBytesMax / 4)
  for (const json of [short, long, of(1_000_000), '[]']) assert.is(unpacked(packed(json)), json)
})

test.run()

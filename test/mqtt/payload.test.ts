import { encode } from 'cbor-x'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cborDepthMax } from '../../protocol/limits.ts'
import { decodePayload } from '../../src/mqtt/payload.ts'

const test = suite('payloads')

const nested = (depth: number): object =>
  Array.from({ length: depth - 1 }).reduce<object>((inner) => ({ inner }), {})

test(`CBOR nested ${cborDepthMax} deep is read, one deeper is not`, () => {
  assert.is(decodePayload(encode(nested(cborDepthMax)), 'cbor').kind, 'value')
  const deeper = decodePayload(encode(nested(cborDepthMax + 1)), 'cbor')
  assert.equal(deeper, { kind: 'malformed', reason: `nested deeper than ${cborDepthMax}` })
})

test.run()

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { crcOver, crcOverZeros } from '../../../src/recordings/join/ogg-crc.ts'

const test = suite('the checksum of Ogg')

const zeros = Buffer.alloc(65_535)
const crcs = fc.integer({ min: 0, max: 0xffff_ffff })

test('over zeros it is the same in few steps', async () => {
  const counts = fc.oneof(fc.constantFrom(0, 1, 255, 256, 65_534, 65_535), fc.nat(65_535))
  await fc.assert(
    fc.property(crcs, counts, (start, count) => {
      assert.is(crcOverZeros(start, count), crcOver(start, zeros, 0, count))
    }),
    { numRuns: 300 },
  )
})

test('of the check text of CRC catalogues, byte by byte and at once', () => {
  // CRC-32/MPEG-2 is this polynomial begun with all ones: 0x0376e6e7 for the digits 1 to 9.
  const digits = Buffer.from('123456789')
  assert.is(crcOver(0xffff_ffff, digits, 0, digits.length), 0x0376_e6e7)
  let crc = 0xffff_ffff
  for (let at = 0; at < digits.length; at += 1) crc = crcOver(crc, digits, at, at + 1)
  assert.is(crc, 0x0376_e6e7)
})

test.run()

import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { merkleRoot } from '../../protocol/merkle.ts'

const test = suite('Merkle tree')

// The tree of the reference implementation of RFC 6962 (google/certificate-transparency, merkle_tree_test.cc).
const leaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((hex) => Buffer.from(hex, 'hex'))
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

test('has the roots of the reference implementation', () => {
  for (const [size, root] of roots.entries()) assert.is(merkleRoot(leaves.slice(0, size)), root)
})

// RFC 6962, 2.1, as it is written there.
const headOf = (data: readonly Uint8Array[]): Buffer => {
  const [only] = data
  if (only && data.length === 1)
    return createHash('sha256').update(Buffer.of(0)).update(only).digest()
  let k = 1
  while (2 * k < data.length) k *= 2
  const parts = [Buffer.of(1), headOf(data.slice(0, k)), headOf(data.slice(k))]
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

test('is the tree of the definition, whatever its size', async () => {
  const datum = fc.uint8Array({ maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(fc.array(datum, { minLength: 1, maxLength: 70 }), async (data) => {
      assert.is(merkleRoot(data), headOf(data).toString('hex'))
    }),
  )
})

test.run()

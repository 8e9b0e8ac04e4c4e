import { createHash } from 'node:crypto'

const nodeOf = (left: Buffer, right: Buffer): Buffer =>
  createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest()

/** SHA-256( 0x00 ‖ data ): a leaf of RFC 6962 (section 2.1). */
export const merkleLeaf = (data: Uint8Array): Buffer =>
  createHash('sha256').update(Buffer.of(0)).update(data).digest()

type Subtree = { readonly leaves: number; readonly hash: Buffer }

/**
 * The tree head of RFC 6962 (section 2.1) over the data of its leaves, in order, 64 lower hex digits; SHA-256 of nothing for no leaf.
 * Holds one hash for each level of the tree.
 */
export const merkleRoot = (data: Iterable<Uint8Array>): string => {
  const complete: Subtree[] = []
  for (const item of data) {
    let tree: Subtree = { leaves: 1, hash: merkleLeaf(item) }
    for (let left = complete.at(-1); left?.leaves === tree.leaves; left = complete.at(-1)) {
      tree = { leaves: 2 * tree.leaves, hash: nodeOf(left.hash, tree.hash) }
      complete.pop()
    }
    complete.push(tree)
  }
  let root = complete.pop()?.hash ?? createHash('sha256').digest()
  for (const { hash } of complete.reverse()) root = nodeOf(hash, root)
  return root.toString('hex')
}

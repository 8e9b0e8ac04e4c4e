import { randomBytes, randomFillSync } from 'node:crypto'
import type { Random } from '../protocol/base62.ts'

const randomPoolBytes = 4_096

/** Chance, drawn from the system in larger portions: an id needs a few bytes at a time. Each byte is given out once. */
export const createRandom = (): Random => {
  let pool = Buffer.alloc(0)
  return (bytes) => {
    if (bytes > randomPoolBytes) return randomBytes(bytes)
    if (pool.length < bytes) pool = randomFillSync(Buffer.allocUnsafeSlow(randomPoolBytes))
    const given = pool.subarray(0, bytes)
    pool = pool.subarray(bytes)
    return given
  }
}

import { ShortLived } from '../../../protocol/short-lived.ts'

/** One at a time for each name, in the order of asking. */
export const createLocks = () => {
  const tails = new ShortLived<string, Promise<unknown>>()
  return async <Result>(name: string, work: () => Promise<Result>): Promise<Result> => {
    const before = tails.get(name) ?? Promise.resolve()
    const mine = before.then(work, work)
    tails.set(name, mine)
    try {
      return await mine
    } finally {
      if (tails.get(name) === mine) tails.delete(name)
    }
  }
}
export type Locked = ReturnType<typeof createLocks>

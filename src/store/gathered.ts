import { createPaced } from './paced.ts'

type Waiting<Key, Value> = {
  readonly key: Key
  readonly resolve: (value: Value | undefined) => void
  readonly reject: (error: unknown) => void
}

type Options = {
  /** How many reads at once. */
  readonly readsMax: number
  /** How many keys a read. */
  readonly keysMax: number
  /** Milliseconds for which whoever asks more waits for others. */
  readonly gapMs: number
}

/**
 * Reads together what is asked for within some milliseconds or while others are being read. Every read begins after it was asked for.
 * A read that fails, fails for all of its keys.
 */
export const gathered = <Key, Value>(
  read: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
  { readsMax, keysMax, gapMs }: Options,
): ((key: Key) => Promise<Value | undefined>) => {
  let waiting: Waiting<Key, Value>[] = []
  let reading = 0

  const readSome = async (some: readonly Waiting<Key, Value>[]): Promise<void> => {
    try {
      const values = await read([...new Set(some.map(({ key }) => key))])
      for (const { key, resolve } of some) resolve(values.get(key))
    } catch (error) {
      for (const { reject } of some) reject(error)
    } finally {
      reading -= 1
      next()
    }
  }

  const next = (): void => {
    while (waiting.length > 0 && reading < readsMax) {
      const some = waiting.slice(0, keysMax)
      waiting = waiting.slice(keysMax)
      reading += 1
      void readSome(some)
    }
  }

  const asked = createPaced<Waiting<Key, Value>>(gapMs, (some) => {
    waiting.push(...some)
    next()
  })
  return (key) =>
    new Promise((resolve, reject) => {
      asked.add({ key, resolve, reject })
    })
}

/** A map of bounded size that forgets what was used least recently. */
export type Lru<Key, Value> = {
  /** Using it makes it the newest. */
  readonly get: (key: Key) => Value | undefined
  readonly has: (key: Key) => boolean
  readonly set: (key: Key, value: Value) => void
  readonly delete: (key: Key) => void
  readonly size: () => number
}

export const createLru = <Key, Value>(
  entriesMax: number,
  onEvicted: (key: Key, value: Value) => void = () => {},
): Lru<Key, Value> => {
  const entries = new Map<Key, Value>()
  const touch = (key: Key, value: Value): void => {
    entries.delete(key)
    entries.set(key, value)
  }
  return {
    get: (key) => {
      const value = entries.get(key)
      if (value !== undefined) touch(key, value)
      return value
    },
    has: (key) => entries.has(key),
    set: (key, value) => {
      touch(key, value)
      const [oldest] = entries.size > entriesMax ? entries : []
      if (!oldest) return
      entries.delete(oldest[0])
      onEvicted(...oldest)
    },
    delete: (key) => void entries.delete(key),
    size: () => entries.size,
  }
}

import { setTimeout as delay } from 'node:timers/promises'

const pollMs = 20

type There<T> = Exclude<NonNullable<T>, false>

const isThere = <T>(value: T): value is There<T> =>
  value !== undefined && value !== null && value !== false

/**
 * The first value of the condition that is neither false, null nor undefined. Past the deadline it throws,
 * naming what was awaited and the last value or error. A condition that throws counts as not yet true.
 */
export const until = async <T>(
  condition: () => T | Promise<T>,
  {
    msMax = 10_000,
    everyMs = pollMs,
    what,
  }: { readonly msMax?: number; readonly everyMs?: number; readonly what: string },
): Promise<There<T>> => {
  const deadline = performance.now() + msMax
  let last: unknown
  do {
    try {
      const value = await condition()
      if (isThere(value)) return value
      last = value
    } catch (error) {
      last = error
    }
    await delay(everyMs)
  } while (performance.now() < deadline)
  throw new Error(`waited ${msMax} ms in vain for ${what} (last: ${String(last)})`)
}

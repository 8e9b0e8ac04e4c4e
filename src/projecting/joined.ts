import type { Taken } from './take-batch.ts'

const both = <Event>(held: Taken<Event>, next: Taken<Event>): Taken<Event> => ({
  decoded: [...held.decoded, ...next.decoded],
  to: next.to ?? held.to,
  caughtUp: held.caughtUp || next.caughtUp,
})

const nothing = Symbol('nothing came')

/** What comes within that time. */
const within = async <Result>(
  coming: Promise<Result>,
  ms: number,
): Promise<Result | typeof nothing> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<typeof nothing>((resolve) => {
    timer = setTimeout(resolve, ms, nothing)
  })
  return Promise.race([coming, late]).finally(() => clearTimeout(timer))
}

/** What is asked for and did not come in time is what comes next. */
const asking = <Item>(items: AsyncIterable<Item>) => {
  const iterator = items[Symbol.asyncIterator]()
  let coming: Promise<IteratorResult<Item>> | undefined
  return {
    next: (): Promise<IteratorResult<Item>> => {
      if (!coming) {
        coming = iterator.next()
        // It is met when it is its turn.
        coming.catch(() => {})
      }
      return coming
    },
    took: () => {
      coming = undefined
    },
  }
}

/**
 * The same batches, of which one that may wait (`waitMs`) takes in what comes meanwhile: each costs a transaction, whatever is in it. It
 * waits no longer for a second that may wait longer. Who breaks off ends what the batches come from.
 */
export async function* joined<Event>(
  batches: AsyncIterable<Taken<Event>>,
  waitMs: (batch: Taken<Event>) => number,
  monotonic: () => number,
): AsyncGenerator<Taken<Event>> {
  const { next, took } = asking(batches)

  const grown = async (first: Taken<Event>): Promise<Taken<Event>> => {
    let held = first
    let untilMs = monotonic() + waitMs(held)
    for (let ms = untilMs - monotonic(); ms > 0; ms = untilMs - monotonic()) {
      const come = await within(next(), ms)
      if (come === nothing || come.done) break
      took()
      held = both(held, come.value)
      untilMs = Math.min(untilMs, monotonic() + waitMs(held))
    }
    return held
  }

  for (;;) {
    const come = await next()
    took()
    if (come.done) return
    yield await grown(come.value)
  }
}

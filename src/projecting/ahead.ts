/**
 * The same items, of which one is made while the one before is at work: reading the log and writing the tables wait for different things.
 * Who breaks off ends what the items come from.
 */
export async function* ahead<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]()
  const begin = () => {
    const next = iterator.next()
    // It is met when it is its turn.
    next.catch(() => {})
    return next
  }
  for (let next = begin(); ; ) {
    const { value, done } = await next
    if (done) return
    next = begin()
    yield value
  }
}

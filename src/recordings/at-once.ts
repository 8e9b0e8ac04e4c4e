/** `work` on each of them, at most `atOnceMax` under way; the results in their order. The first fault is thrown when all have ended. */
export const eachAtOnce = async <Item, Result>(
  items: readonly Item[],
  atOnceMax: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> => {
  const results: Result[] = []
  let next = 0
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++)
      results[at] = await work(items[at] as Item)
  }
  const workers = Array.from({ length: Math.min(atOnceMax, items.length) }, worker)
  for (const ended of await Promise.allSettled(workers))
    if (ended.status === 'rejected') throw ended.reason
  return results
}

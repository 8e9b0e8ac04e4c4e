export type Paced<Item> = {
  /** Given at once where nothing was given for `gapMs`; otherwise with all that comes until then. The order stays. */
  readonly add: (item: Item) => void
  /** Gives what waits. */
  readonly flush: () => void
}

/** Makes one of many: what comes one by one within some milliseconds is given in one go. */
export const createPaced = <Item>(
  gapMs: number,
  give: (items: readonly Item[]) => void,
): Paced<Item> => {
  let waiting: Item[] = []
  let isResting = false

  const flush = (): void => {
    const items = waiting
    waiting = []
    if (items.length > 0) give(items)
  }

  const rest = (): void => {
    isResting = true
    setTimeout(() => {
      isResting = false
      if (waiting.length === 0) return
      rest()
      flush()
    }, gapMs)
  }

  return {
    flush,
    add: (item) => {
      waiting.push(item)
      if (isResting) return
      rest()
      flush()
    },
  }
}

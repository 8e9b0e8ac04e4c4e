/** One after the other: a batch and a rebuild never write at the same time. */
export type Turns = {
  readonly take: <Result>(work: () => Promise<Result>) => Promise<Result>
}

export const createTurns = (): Turns => {
  let last: Promise<unknown> = Promise.resolve()
  return {
    take: (work) => {
      const mine = last.then(work, work)
      last = mine.catch(() => {})
      return mine
    },
  }
}

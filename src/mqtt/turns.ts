/** Resolves when it is one's turn: one a turn of the loop, in the order of asking. */
export type Turn = () => Promise<void>

/** For work that can wait: whatever else comes in is served between two pieces of it, however much of it there is. */
export const createTurns = (): Turn => {
  const waiting: (() => void)[] = []
  let isRunning = false

  const next = (): void => {
    waiting.shift()?.()
    isRunning = waiting.length > 0
    if (isRunning) setImmediate(next)
  }

  return () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (isRunning) return
      isRunning = true
      setImmediate(next)
    })
}

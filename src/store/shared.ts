/**
 * The same work for all who ask while it runs: it begins anew when it ends, once for all of them, so that nobody gets an answer that is
 * older than the question.
 */
export const shared = <Result>(work: () => Promise<Result>): (() => Promise<Result>) => {
  let running: Promise<Result> | undefined
  let next: Promise<Result> | undefined

  const run = async (): Promise<Result> => {
    try {
      return await work()
    } finally {
      running = next
      next = undefined
    }
  }

  return () => {
    if (!running) {
      running = run()
      return running
    }
    next ??= running.then(run, run)
    return next
  }
}

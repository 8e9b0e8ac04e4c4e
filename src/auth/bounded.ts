/** What the promise yields, or `late` after `msMax`; a failure that comes later than that concerns nobody. */
export const within = <Result>(
  promise: Promise<Result>,
  msMax: number,
): Promise<Result | 'late'> => {
  const { promise: bounded, resolve, reject } = Promise.withResolvers<Result | 'late'>()
  const timer = setTimeout(() => resolve('late'), msMax)
  promise.then(resolve, reject).finally(() => clearTimeout(timer))
  return bounded
}

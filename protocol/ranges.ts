/**
 * Sets of whole numbers as their ranges, from and to inclusive, rising and never touching: what is stored of a recording of 100,000
 * chunks is a few of them.
 */
export type Range = readonly [from: number, to: number]
export type Ranges = readonly Range[]

/** Where the first range stands that ends at or behind `number`. */
const place = (ranges: Ranges, number: number): number => {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle]?.[1] ?? 0) < number) low = middle + 1
    else high = middle
  }
  return low
}

export const holds = (ranges: Ranges, number: number): boolean => {
  const range = ranges[place(ranges, number)]
  return range !== undefined && range[0] <= number
}

export const withNumber = (ranges: Ranges, number: number): Ranges => {
  if (holds(ranges, number)) return ranges
  const at = place(ranges, number)
  const [before, after] = [ranges[at - 1], ranges[at]]
  const joinsBefore = before?.[1] === number - 1
  const joinsAfter = after?.[0] === number + 1
  const from = joinsBefore && before ? before[0] : number
  const to = joinsAfter && after ? after[1] : number
  return ranges.toSpliced(at - Number(joinsBefore), Number(joinsBefore) + Number(joinsAfter), [
    from,
    to,
  ])
}

export const withNumbers = (ranges: Ranges, numbers: readonly number[]): Ranges =>
  numbers.reduce(withNumber, ranges)

export const withoutNumber = (ranges: Ranges, number: number): Ranges => {
  const at = place(ranges, number)
  const range = ranges[at]
  if (!range || range[0] > number) return ranges
  const left: Range[] = range[0] < number ? [[range[0], number - 1]] : []
  const right: Range[] = number < range[1] ? [[number + 1, range[1]]] : []
  return ranges.toSpliced(at, 1, ...left, ...right)
}

/** How many numbers they hold. */
export const sizeOf = (ranges: Ranges): number =>
  ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0)

export const highest = (ranges: Ranges): number => ranges.at(-1)?.[1] ?? 0

/** The last number that is reached from 1 without a gap, 0 where 1 itself is missing. */
export const firstRun = (ranges: Ranges): number => {
  const [first] = ranges
  return first?.[0] === 1 ? first[1] : 0
}

/** What is missing from 1 to `end`: at most `rangesMax` ranges, the lowest. */
export const gapsIn = (ranges: Ranges, end: number, rangesMax: number): Ranges => {
  const gaps: Range[] = []
  let next = 1
  for (const [from, to] of ranges) {
    if (gaps.length >= rangesMax || next > end) break
    if (from > next) gaps.push([next, Math.min(from - 1, end)])
    next = to + 1
  }
  if (next <= end && gaps.length < rangesMax) gaps.push([next, end])
  return gaps
}

/** The lowest numbers that the first hold and the second do not, at most `numbersMax`. */
export const onlyIn = (first: Ranges, second: Ranges, numbersMax: number): readonly number[] => {
  const found: number[] = []
  for (const [from, to] of first)
    for (let next = from; next <= to; next += 1) {
      if (found.length >= numbersMax) return found
      const met = second[place(second, next)]
      if (met && met[0] <= next) next = met[1]
      else found.push(next)
    }
  return found
}

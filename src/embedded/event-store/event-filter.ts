import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import { invalid } from './faults.ts'

type FilterOptions = ReadReq.Options.FilterOptions

/** Which events a reader of all streams wants. */
export type EventFilter = {
  readonly matches: (stream: string, type: string) => boolean
  /** Events considered in one go. */
  readonly window: number
  /** How many windows lie between two checkpoints. */
  readonly interval: number
}

const defaultWindow = 32

const predicateOf = (expression: ReadReq.Options.FilterOptions.Expression) => {
  const source = expression.getRegex()
  if (source !== '') {
    const regex = compile(source)
    if (!regex) throw invalid(`The filter's regular expression is not valid: ${source}`)
    return (text: string) => regex.test(text)
  }
  // With a regex prefixes are ignored; with neither nothing matches.
  const prefixes = expression.getPrefixList()
  return (text: string) => prefixes.some((prefix) => text.startsWith(prefix))
}

// .NET's syntax: options may stand in front.
const inlineOptions = /^\(\?([ims]+)\)/

const compile = (source: string): RegExp | undefined => {
  const [prefix = '', flags = ''] = inlineOptions.exec(source) ?? []
  try {
    return new RegExp(source.slice(prefix.length), [...new Set(flags)].join(''))
  } catch {
    return undefined
  }
}

const windowOf = (options: FilterOptions): number => {
  if (options.hasMax()) return options.getMax()
  if (options.hasCount()) return defaultWindow
  throw invalid('The filter has no search window.')
}

export const filterOf = (options: FilterOptions): EventFilter => {
  const window = windowOf(options)
  const interval = options.getCheckpointintervalmultiplier()
  const stream = options.getStreamIdentifier()
  if (stream) {
    const wanted = predicateOf(stream)
    return { matches: (name) => wanted(name), window, interval }
  }
  const type = options.getEventType()
  if (!type) throw invalid('The filter names neither streams nor event types.')
  const wanted = predicateOf(type)
  return { matches: (_name, eventType) => wanted(eventType), window, interval }
}

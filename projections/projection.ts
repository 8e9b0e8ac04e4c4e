import type { LogEvent } from './log-event.ts'

/**
 * Which rows an event may change: named, or all whose column holds a value; or that all of those are gone, however many. Rows that are `born`
 * cannot have been there before: nothing has to be read.
 */
export type Touched =
  | { readonly ids: readonly string[]; readonly born?: true }
  | { readonly where: string; readonly is: string }
  | { readonly gone: string; readonly is: string }
  | undefined

/** What events make of a row one after the other, where nobody looks at the row in between: made once, when it is asked for. */
export type Growth<Row extends object> = {
  /** Folds the event; false when it is none of those that are folded so. */
  readonly meet: (event: LogEvent) => boolean
  /** The very row that it began with when nothing changed. Nothing is met afterwards. */
  readonly row: () => Row
}

/**
 * A read model: one table whose rows are folds of the log. `fold` is pure; it returns the row as it is afterwards, `undefined`
 * when there is none, and the very same object when nothing changed.
 */
export type Projection<Row extends object> = {
  /** Also the table's name. */
  readonly name: string
  readonly version: number
  readonly key: keyof Row & string
  /** Every column, in the table's order. */
  readonly columns: readonly (keyof Row & string)[]
  readonly touches: (event: LogEvent) => Touched
  readonly fold: (row: Row | undefined, event: LogEvent, id: string) => Row | undefined
  /** The same as `fold`, for a row that many events touch. */
  readonly grow?: (row: Row, id: string) => Growth<Row>
  /** How many rows of each project world are such and such: kept beside the rows, so that nobody counts them. Not where rows are `gone` unread. */
  readonly counts?: Readonly<Record<string, (row: Row) => boolean>>
}

/** A projection whose row type only its own file knows. */
export type AnyProjection = {
  readonly name: string
  readonly version: number
  readonly key: string
  readonly columns: readonly string[]
  readonly touches: (event: LogEvent) => Touched
  readonly fold: (row: object | undefined, event: LogEvent, id: string) => object | undefined
  readonly grow: ((row: object, id: string) => Growth<object>) | undefined
  /** What is counted, and whether a row is. */
  readonly counts: readonly (readonly [name: string, is: (row: object) => boolean])[]
}

/** Forgets the row type: the rows that `fold` is given come from this projection's own table. */
export const projection = <Row extends object>({
  grow,
  ...of
}: Projection<Row>): AnyProjection => ({
  ...of,
  fold: (row, event, id) => of.fold(row as Row | undefined, event, id),
  grow: grow && ((row, id) => grow(row as Row, id)),
  counts: Object.entries(of.counts ?? {}).map(([name, is]) => [name, (row) => is(row as Row)]),
})

export const none: Touched = undefined
export const ids = (...touched: readonly string[]): Touched => ({ ids: touched })
export const born = (id: string): Touched => ({ ids: [id], born: true })

/** What was written about a subject, as text or nothing. */
export const textIn = (
  opened: Readonly<Record<string, unknown>> | null,
  key: string,
): string | null => {
  const value = opened?.[key]
  return typeof value === 'string' ? value : null
}

/** The same, where an update that does not speak of it leaves it as it was. */
export const textOr = (
  opened: Readonly<Record<string, unknown>> | null,
  key: string,
  before: string | null,
): string | null => (opened && key in opened ? textIn(opened, key) : before)

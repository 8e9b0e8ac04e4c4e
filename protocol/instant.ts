declare const instant: unique symbol

/** A moment as stored and sent: RFC 3339 in UTC with exactly three decimals and `Z`. Compares as text. */
export type Instant = string & { readonly [instant]: true }

export const instantForm =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/

// Much is stamped within one millisecond, and the text of it is made once.
const last: { ms: number; instant: Instant | undefined } = { ms: 0, instant: undefined }

/** Milliseconds since 1970-01-01T00:00:00Z as an instant. */
export const instantOf = (ms: number): Instant => {
  if (last.instant !== undefined && last.ms === ms) return last.instant
  last.instant = new Date(ms).toISOString() as Instant
  last.ms = ms
  return last.instant
}

export const msOf = (at: Instant): number => Date.parse(at)

/** Every month has the first 28. */
const isDay = (text: string): boolean =>
  text.slice(8, 10) <= '28' || instantOf(Date.parse(text)) === text

/** The instant that the text is in its stored form, or `undefined`. */
export const parseInstant = (text: unknown): Instant | undefined =>
  typeof text === 'string' && instantForm.test(text) && isDay(text) ? (text as Instant) : undefined

export const plusMs = (at: Instant, ms: number): Instant => instantOf(msOf(at) + ms)

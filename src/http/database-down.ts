// What Node says of a connection that could not be made or was lost.
const connectionErrors: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
])

// SQLSTATE classes (PostgreSQL, appendix A): connection exception, insufficient resources, operator intervention, system error.
const sqlStateClasses = /^(08|53|57|58)[0-9A-Z]{3}$/

// pg itself gives these no code.
const driverMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed)/

/** Whether the error says that Postgres cannot answer for now, and not that a statement is wrong. */
export const isDatabaseDown = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? error.code : undefined
  if (typeof code === 'string' && (connectionErrors.has(code) || sqlStateClasses.test(code)))
    return true
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.every(isDatabaseDown)
  return driverMessages.test(error.message)
}

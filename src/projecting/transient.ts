import { StoreUnavailable } from '../store/event-store.ts'
import { VaultUnavailable } from '../store/vault.ts'
import { CheckpointMoved } from './batch.ts'
import { TablesInUse } from './take-tables.ts'

// SQLSTATE (PostgreSQL, appendix A): connection exception, insufficient resources, operator intervention, system error; a serialization
// failure, a deadlock, a lock that was not to be had.
const sqlStates = /^(?:(?:08|53|57|58)[0-9A-Z]{3}|40001|40P01|55P03)$/
// What Node says of a connection; pg itself gives no code.
const connection =
  /^(?:E(?:CONNREFUSED|CONNRESET|NOENT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH|PIPE|TIMEDOUT))$/
const driver =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed)/

/** Whether the same may succeed a little later, with nothing changed. */
export const isTransient = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.every(isTransient)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    [StoreUnavailable, VaultUnavailable, CheckpointMoved, TablesInUse].some(
      (known) => error instanceof known,
    ) ||
    // The lead ended, or who asked went away.
    error.name === 'AbortError' ||
    sqlStates.test(code) ||
    connection.test(code) ||
    driver.test(error.message)
  )
}

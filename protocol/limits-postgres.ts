/** Every limit of the connections to Postgres, as in `limits.ts`: named with its unit. */

export const namedStatementsMax = 500
export const poolConnectionsMax = 10
export const poolConnectMsMax = 2_000
/** For the two that lead or try to, for who waits for a position, for a rebuild of each. */
export const projectorConnectionsMax = 7
export const readConnectionsMax = 8
export const worldReadersMax = 1_000
export const postgresHealthMsMax = 1_000
export const spareConnectionsMax = 2
export const statementMsMax = 15_000

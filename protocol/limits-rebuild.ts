/** Every limit of rebuilding read models, as in `limits.ts`: named with its unit. */

export const heartbeatRebuildEntriesMax = 100_000
/** Gathered until then, plus what the last event brings. What is folded soon is gone before a collection copies it. */
export const rebuildBatchEntriesMax = 1_000
export const rebuildBatchEventsMax = 5_000
/** Of the rows that a rebuild keeps in memory, about. */
export const rebuildRowBytesMax = 268_435_456
/** To Postgres, at once: each keeps a process of it busy. */
export const rebuildConnectionsMax = 3
export const rebuildRoundsMax = 3
/** Of what may go right a little later. */
export const rebuildAttemptsMax = 5
export const rebuildRetryMs = 1_000
/** For the one before, which broke off, to be gone. */
export const rebuildLockMsMax = 2_000
/** For somebody to lead, where nobody does. */
export const rebuildLeadMsMax = 5_000
export const swapAttemptsMax = 20
/** Whoever reads waits no longer for a swap that cannot be yet. */
export const swapLockMsMax = 250
export const swapRestMs = 250

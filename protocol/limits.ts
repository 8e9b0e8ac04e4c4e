/**
 * Every limit of Lapel, with its unit in its name, in this one place. A number here is part of what users
 * meet: each is tested at the limit and one past it.
 */

// ids, tokens, text
export const idBodyCharsMax = 64
export const serialNumberCharsMax = 64
export const externalIdCharsMax = 255
export const nameCharsMax = 128
export const emailCharsMax = 254
export const modelCharsMax = 64
export const firmwareVersionCharsMax = 32
export const deviceNameCharsMax = 64
export const deviceStateCharsMax = 32
export const metadataKeysMax = 50
export const metadataKeyCharsMax = 40
export const metadataValueCharsMax = 500
export const idempotencyKeyCharsMax = 255
export const requestIdCharsMax = 64

// JSON and CBOR
export const jsonDepthMax = 32

// HTTP
export const bodyBytesMax = 1_048_576
export const pageRowsMax = 100
export const pageRowsDefault = 25
export const pageOffsetRowsMax = 10_000
export const readWaitMsMax = 2_000

// the event store
export const appendBytesMax = 1_048_576
export const appendMsMax = 10_000
export const appendRetriesMax = 3
export const attemptsMax = 8
export const foldCacheStreamsMax = 10_000
export const readPageEventsMax = 500
export const bufferedEventsMax = 64
export const followedItemsMax = 1_000
export const resubscribeDelayMsMax = 2_000

// personal data
export const vaultCacheKeysMax = 20_000

// Processes of our own: the embedded event store and Postgres
export const childBackoffFirstMs = 100
export const childBackoffMsMax = 5_000
export const childLineCharsMax = 10_000
export const childReadyMsMax = 30_000
export const childSteadyMs = 10_000
export const childStderrLinesMax = 20
export const childStopMsMax = 6_000
export const freePortAttemptsMax = 50
export const orphanWaitMsMax = 10_000
export const postgresConnectionsMax = 60
export const postgresFastStopMsMax = 4_000
export const postgresStartAttemptsMax = 5

// Configuration and the data directory
export const dataDirWaitMsMax = 10_000
export const onlineWindowSecondsMax = 86_400
export const ratePerSecondMax = 1_000_000
export const secretsBytesMax = 1_048_576
export const tokenGraceSecondsMax = 86_400

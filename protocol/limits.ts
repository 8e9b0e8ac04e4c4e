/**
 * Every limit of Lapel, with its unit in its name, in this one place (those of the embedded
 * services are beside it, in `limits-embedded.ts`). A number here is part of what users
 * meet: each is tested at the limit and one past it.
 */

// ids, tokens, text
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
export const faultFieldCharsMax = 200
export const faultsMax = 100
// MQTT topics
export const topicLevelsMax = 8
// API keys
export const keyOverlapSecondsDefault = 86_400
export const keyOverlapSecondsMax = 604_800
// JSON and CBOR
export const jsonDepthMax = 32
// HTTP
export const bodyBytesMax = 1_048_576
export const claimAttemptsMax = 8
/** A JSON reply below this is sent as it is: its parts cost more than they save. */
export const plainReplyBytesMax = 4_096
export const discardedBodyBytesMax = 16 * 1_048_576
export const httpConnectionsMax = 20_000
export const httpDrainMsMax = 5_000
export const httpHeaderBytesMax = 16_384
export const httpHeadersMsMax = 10_000
export const httpKeepAliveMsMax = 65_000
export const httpRequestMsMax = 30_000
export const keyUseKeysMax = 50_000
export const soughtCharsMax = 500
export const metadataFiltersMax = 10
export const pageRowsMax = 100
export const pageRowsDefault = 25
export const pageOffsetRowsMax = 10_000
export const rateBucketsMax = 100_000
export const readWaitMsMax = 2_000
export const retryAfterSeconds = 1
export const writeWaitMsMax = 2_000
/** A node that starts for the first time waits so long for its read models to have the first project. */
export const firstProjectWaitMsMax = 30_000
// the event store
/** What an HTTP/2 peer of the event store's wire may send ahead, a stream and a session. */
export const http2StreamWindowBytes = 1_048_576
export const http2SessionWindowBytes = 4_194_304
export const appendBytesMax = 1_048_576
export const appendMsMax = 10_000
export const appendRetriesMax = 3
export const attemptsMax = 8
export const foldCacheStreamsMax = 10_000
export const readPageEventsMax = 500
/** Histories that were read last, each its newest events: a page of them and one more. */
export const recentStreamsMax = 256
export const recentStreamEventsMax = 101
/** Of the log, taken in before somebody asks: what comes next waits. */
export const followedBytesMax = 1_048_576
export const followedItemsMax = 1_000
export const resubscribeDelayMsMax = 2_000
// the object store
export const objectStoreConnectMsMax = 2_000
export const objectStoreHealthMsMax = 1_000
export const objectStoreRetryMs = 5_000
/** S3's own: keys of one DeleteObjects. */
export const objectStoreDeleteKeysMax = 1_000
/** Until an answer begins. */
export const objectStoreMsMax = 10_000
export const objectStoreSocketsMax = 50
/** Of one body, or of a copy within the store. */
export const objectStoreTransferMsMax = 600_000
// personal data
export const vaultKeysPerReadMax = 256
export const vaultReadsMax = 2
export const vaultCacheKeysMax = 20_000
// Processes of our own: the embedded event store and Postgres
export const childBackoffFirstMs = 100
export const childBackoffMsMax = 5_000
export const childLineCharsMax = 10_000
export const childReadyMsMax = 30_000
export const childStartAttemptsMax = 5
export const childSteadyMs = 10_000
export const childStderrLinesMax = 20
export const childStopMsMax = 6_000
export const freePortAttemptsMax = 50
export const keptPortMax = 32_000
export const orphanWaitMsMax = 10_000
export const postgresConnectionsMax = 60
export const postgresFastStopMsMax = 4_000
export const postgresLastWordsMsMax = 2_000
export const postgresReadyMsMax = 300_000
export const postgresStartAttemptsMax = 5
// Configuration and the data directory
export const dataDirWaitMsMax = 10_000
export const onlineWindowSecondsMax = 86_400
export const ratePerSecondMax = 1_000_000
export const secretsBytesMax = 1_048_576
export const tokenGraceSecondsMax = 86_400
// group commit, reads together
/** Entries in so many milliseconds from which on a node is busy: 1,000/s. */
export const busySlotEntriesMin = 100
export const busySlotMs = 100
export const commitBackoffFirstMs = 25
export const commitBackoffMsMax = 1_000
export const commitGapMs = 24
export const gatherEntriesMin = 64
/** In which the entries that wait are written, many in one. */
export const entrySlabBytes = 262_144
export const gatherMsMax = 8
/** For which reads of single rows wait for each other, while there are many. */
export const readGatherMs = 5
// observations
export const bootsRememberedMax = 16
export const seqWindowMax = 256
// auth
export const addressesMax = 20_000
export const aliveGapMsMin = 100
export const authLeaseMsMax = 3_000
export const badLookupsPerMinuteMax = 120
export const cachedCredentialsMax = 50_000
export const cachedUnknownsMax = 100_000
export const checkpointPollMs = 1_000
export const lookupAttemptsMax = 3
export const lookupMsMax = 2_000
export const lookupsMax = 2_048
export const nodeSilenceMarginMs = 1_000
export const nodesWatchedMax = 10_000
export const overlayEventsMax = 500_000
export const reuseReportsMax = 10_000
export const sealKeyMsMax = 250
export const sessionCommitBytesMax = 262_144
export const sessionCommitEntriesMax = 1_000
export const sessionEntriesWaitingMax = 20_000
/** Between two commits of sessions, while some come or go. */
export const sessionGatherMs = 20
export const sessionsPerNodeMax = 50_000
/** Of one device on one node; past it CONNACK 3. */
export const signInsPerMinuteMax = 30
export const takeoverDevicesMax = 100_000
export const takeoversPerMinuteMax = 10
export const tokenReadsMax = 4
export const tokensPerReadMax = 256
export const trustedLookupsPerAddressMax = 8
export const unknownWaitMsMax = 2_000
export const unknownWaitersMax = 256
// recordings
export const mediaBytesMax = 5_368_709_120
export const mediaPerRecordingMax = 20
/** A week. */
export const mediaSecondsMax = 604_800
export const channelsMax = 8
export const chunkBytesMax = 16_777_216
export const chunkIndexMax = 100_000
export const chunksPerMessageMax = 64
export const grantsOutstandingMax = 64
export const grantsPerMessageMax = 8
export const grantSecondsMax = 900
export const reasonCharsMax = 64
export const incompleteDaysDefault = 7
export const incompleteDaysMax = 365
export const sampleRateHzMax = 768_000
export const resumedRecordingsMax = 32
/** For the read models to stand for what was stored before a session began. */
export const resumeReadMsMax = 10_000
export const followedRecordingsMax = 64
export const skewBootsMax = 4
export const skewSamplesMax = 1_000
export const singleUploadSecondsMax = 3_600
export const watermarkRangesMax = 1_000
// projections
/** Of its time, from which on the loop that acknowledges counts as busy, and read models give way. */
export const busyLoopShareMin = 0.75
export const busyLoopSlotMs = 250
/** How far the rows of devices may be behind for that. */
export const busyRowsBehindMsMax = 5_000
export const batchEntriesMax = 20_000
export const batchEventsMax = 500
export const copyPieceCharactersMax = 65_536
export const entriesATurnMax = 1_000
export const fingerprintRowsMax = 1_000
export const healthCacheRowsMax = 50_000
/** Of each table that decisions write, in memory. */
export const decidedCacheRowsMax = 10_000
export const heartbeatDaysMax = 366
export const heartbeatBatchEntriesMax = 20_000
export const heartbeatBootsMax = 4
export const heartbeatNumberingsMax = 50_000
export const heartbeatRestMsMax = 1_000
export const heartbeatRestMsMin = 250
export const heartbeatsPerRunMax = 128
export const plainBytesMax = 1_024
export const partitionLockMsMax = 1_000
export const leadRetryMsMax = 1_000
export const positionPollMsMax = 50
export const projectorDecisionGapMs = 12
export const projectorGatherMs = 1
export const projectorIdleMsMax = 25
export const projectorLargeEntriesMin = 200
export const projectorRestartMs = 1_000
export const projectorRestMsMax = 400
export const projectorSmallRestMsMax = 20
export const projectorStopMsMax = 5_000
export const projectorYoungMegabytesMax = 96
/** By one statement. */
export const removedRowsMax = 1_000
export const deletedRowsMax = 5_000
// ingest
export const ingestDevicesMax = 200_000
export const ingestEntriesMax = 1_000
export const ingestEventBytesMax = 262_144
export const ingestWaitingEntriesMax = 25_000
// the broker edge
export const mqttUnreadBytesMax = 65_536
/** Errors that are kept for a device that does not listen yet. */
export const unheardErrorsMax = 16
export const cborDepthMax = 16
/** Handshakes that wait to be accepted; the kernel's own limit, `net.core.somaxconn`, is often the same. */
export const mqttBacklogMax = 4_096
export const bootWindowReadsMax = 2
export const bootWindowsPerReadMax = 256
export const mqttBurstMessages = 500
export const mqttClientPendingBytesMax = 1_048_576
export const mqttConnectMsMax = 5_000
export const mqttConnectionsMax = 50_000
/** A carrier's gateway stands for thousands of devices. */
export const mqttConnectionsPerAddressMax = 20_000
export const mqttDrainMsMax = 10_000
export const mqttFiltersMax = 8
/** Of a WebSocket until its CONNECT is complete. */
export const mqttFirstBytesMax = 16_384
export const mqttHoldBackMsMax = 5_000
/** What all clients over their rate have to go within it goes together: at 10 ms it would take half as much again of the CPU. */
export const mqttHeldBackTickMs = 50
/** After which what others send is met before more of it goes. */
export const mqttHeldBackSliceMsMax = 1
/** Of all clients over their rate: past it those that send more are read no further. */
export const mqttHeldBackBytesMax = 33_554_432
export const mqttInflightMax = 1_000
export const mqttInflightQos2Max = 20
export const mqttKeepAliveSecondsMax = 1_200
export const mqttKeepAliveSecondsMin = 30
/** Of a heartbeat or boot: what is in one takes a tenth of it. */
export const observationPayloadBytesMax = 16_384
/** Of a message about a recording: 64 chunks take a third of it. */
export const recordingPayloadBytesMax = 65_536
export const mqttPacketBytesBeforeConnackMax = 1_024
export const mqttPacketBytesMax = 131_072
/** MQTT 3.1.1, section 2.2.3. */
export const mqttPacketLengthBytesMax = 4
/** Of all clients, waiting for the log: past it those that send more are read no further. */
export const mqttPendingBytesMax = 67_108_864
export const mqttPendingMessagesMax = 20_000
export const plainHeartbeatBytesMax = 1_024
/** Fewer than 2^53 has, so that no digit is lost. */
export const plainIntegerDigitsMax = 15
export const mqttProjectBurstSeconds = 2
/** That a message waits for the rate of its project: past it its client is read no further until then. */
export const mqttReadOnWaitMsMax = 1_000
/** Of a client that is not read on: past it the rest stays in the kernel, and nothing wakes up for what else it sends. */
export const mqttReadAheadBytesMax = 1_024
/** For whoever was cut because it went on over its rate: until then its CONNECT is not tried. */
export const mqttRestMs = 5_000
/** That wait at once for the end of their rest; past it they are refused without a wait. */
export const mqttRestingCallersMax = 1_000
export const mqttRejectBytesMax = 1_024
export const mqttRejectsPerMinuteMax = 10
/** At once on one node; whoever else comes is told to come back, so that nobody waits long for a CONNACK. */
export const mqttSignInsMax = 256
export const mqttSilentConnectionsMax = 10_000
export const mqttSilentConnectionsPerAddressMax = 2_000
export const mqttSliceMsMax = 4
export const mqttStoredTopicCharsMax = 256
/** Of packets that are not whole, of all clients: past it those who have been at one longest are cut. */
export const mqttUnfinishedBytesMax = 67_108_864
/** Of all clients: past it those that send more are read no further. */
export const mqttUnparsedBytesMax = 16_777_216
export const proxyHeaderBytesMax = 1_024
// the composition root
export const projectKeysMax = 1_000
export const startMsMax = 60_000
// the command line
export const cliRequestMsMax = 120_000
export const keyWaitMsMax = 10_000
export const simulatedConnectMsMax = 30_000
export const simulatedDevicesMax = 5_000
export const simulatedDrainMsMax = 10_000
export const simulatedRateMax = 20_000
export const simulatedSecondsMax = 3_600
export const stopMsMax = 10_000

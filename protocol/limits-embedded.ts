// Limits of the embedded services; the others stand in `limits.ts`.

// the embedded event store
export const eventStoreBatchJobsMax = 1_000
export const eventStoreCopyBytesMax = 4 * 1_048_576
export const eventStoreCopyPageEventsMax = 500
export const eventStoreCopyPollMs = 50
export const eventStoreFaultsMax = 20
export const eventStoreFreePagesMax = 256
export const eventStoreHeadsMax = 100_000
export const eventStoreKeepAliveMs = 10_000
export const eventStoreLockWaitMsMax = 10_000
export const eventStoreMessageBytesMax = 17 * 1_048_576
export const eventStorePageBytesMax = 1_048_576
export const eventStorePageEventsMax = 64
export const eventStorePartialAppendMsMax = 2_000
export const eventStoreRecentIdsMax = 100_000
export const eventStoreRequestBytesMax = 64 * 1_048_576
export const eventStoreScanEventsMax = 512
export const eventStoreScavengeAgeMsMin = 600_000
export const eventStoreScavengeEveryMs = 60_000
export const eventStoreScavengePauseMsMax = 10_000
export const eventStoreScavengeShareMax = 0.05
export const eventStoreScavengeSliceEventsMax = 256
export const eventStoreTailBytesMax = 8 * 1_048_576
export const eventStoreTailEventsMax = 2_048

// the embedded object store
export const clockSkewMsMax = 900_000
/** S3's own: 7 days. */
export const presignedSecondsMax = 604_800
export const objectStoreBytesPerSecondMin = 1_024
export const objectStoreChunkLineBytesMax = 8_192
export const objectStoreConnectionsMax = 1_000
/** Of about half a kilobyte each. */
export const objectStoreDescriptionsMax = 4_096
export const objectStoreDrainMsMax = 4_000
export const objectStoreEventAttemptsMax = 4
export const objectStoreEventMsMax = 5_000
export const objectStoreEventPauseMs = 250
export const objectStoreEventsPerCallMax = 100
export const objectStoreEventsWaitingMax = 10_000
export const objectStoreFoldersKnownMax = 50_000
export const objectStoreFooterBytesMax = 65_536
export const objectStoreGatherBytesMax = 262_144
/** Of a connection on which nothing moves. */
export const objectStoreIdleMsMax = 30_000
/** S3's own: of a key in UTF-8. */
export const objectStoreKeyBytesMax = 1_024
/** S3's own: of one page of a listing. */
export const objectStoreListedKeysMax = 1_000
export const objectStoreLockWaitMsMax = 10_000
/** S3's own: of one body; parts make larger objects. */
export const objectStoreObjectBytesMax = 5 * 1_073_741_824
/** S3's own: of every part but the last. */
export const objectStorePartBytesMin = 5 * 1_048_576
/** S3's own. */
export const objectStorePartNumberMax = 10_000
export const objectStoreRenamesMax = 20
/** After which a body must have come at the least rate. */
export const objectStoreSlowStartMs = 30_000
export const objectStoreSweepMs = 3_600_000
export const objectStoreTrailersMax = 8
export const objectStoreUploadAgeMsMax = 7 * 86_400_000
/** An answer up to this is read at once and sent in one piece. */
export const objectStoreWholeReadBytesMax = 524_288
export const objectStoreXmlBytesMax = 4 * 1_048_576
export const objectStoreXmlDepthMax = 8

/** Every limit of moving the bytes of recordings, as in `limits.ts`: named with its unit. */

/** Of 48 kHz: a pause that a position may leap over. More is no pause, and is left out. */
export const oggGapSamplesMax = 86_400n * 48_000n
/** S3's own for a part that is not the last. */
export const copiedPartBytesMin = 5_242_880
export const chunkDaysMax = 365
/** S3's own. */
export const multipartPartsMax = 10_000
/** Tries to ask for one object. */
export const objectStoreHeadsMax = 3
export const recordingHeadsMax = 8
export const recordingHintsMax = 10_000
export const recordingLooksMax = 8
export const stitchesMax = 2
/** A part of what is put together, unless that would be more than `multipartPartsMax` of them. */
export const stitchedPartBytesMin = 8_388_608
export const removalWindowDays = 30
export const sweepEveryMs = 60_000
export const sweptRecordingsMax = 1_000
/** Uploaded recordings whose objects are looked for, by one sweep: a request each. */
export const sweptWholesMax = 100
/** After a start: what a node that was killed did not see is found soon. */
export const firstSweepMs = 5_000
export const uploadTokenCharsMax = 512
export const verifiedChunksMax = 64
/** Of all relayed chunks that are held at once. */
export const relayedBytesMax = 134_217_728
/** 120 ms at 48 kHz: RFC 6716, 3.2. */
export const opusPacketSamplesMax = 5_760
// the simulation
export const simulatedSettleMsMax = 300_000
/** By one device: of a 4G link's worth. */
export const uploadedAtOnceMax = 2
export const uploadMsMax = 30_000

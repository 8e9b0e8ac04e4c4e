import { oggGapSamplesMax } from '../../../protocol/limits-recordings.ts'

/** Where a page ends, in samples at 48 kHz; −1 where no packet ends on it. `trimmed`: the same if it is the last page of all. */
export type Position = { readonly granule: bigint; readonly trimmed: bigint | undefined }

const noPacketEnds = -1n

// Not before what the packets play, nor so far after it that it cannot be a pause.
const settled = (mapped: bigint, least: bigint): bigint =>
  mapped >= least && mapped - least <= oggGapSamplesMax ? mapped : least

/** The positions of one stream, made of those of many. */
export const createPositions = () => {
  /** Where the audio that was placed so far ends; undefined before the first. */
  let end: bigint | undefined
  /** From a position as read to the same as written; undefined where a stream begins anew. */
  let shift: bigint | undefined

  return {
    begin: (): void => {
      shift = undefined
    },
    place: (given: bigint, samples: bigint, isLast: boolean): Position => {
      if (given === noPacketEnds) return { granule: given, trimmed: undefined }
      const begun = given > samples ? given - samples : 0n
      const before = end ?? begun
      shift ??= before - begun
      const least = before + samples
      const mapped = given + shift
      const granule = settled(mapped, least)
      // RFC 7845, 4.4: only the last page of all may end before its packets do.
      const trims = isLast && mapped < least && mapped >= before
      if (!trims) shift = granule - given
      end = granule
      return { granule, trimmed: trims ? mapped : undefined }
    },
  }
}

import { BrokenAudio } from './broken-audio.ts'
import { createPageReader } from './ogg-page.ts'
import { createOpusJoin } from './opus-join.ts'

export type Chunk = { readonly index: number; readonly bytes: AsyncIterable<Uint8Array> }

/** Many chunks, in order, as the bytes of one object; memory does not grow with them. Throws `BrokenAudio`. */
export type Join = (chunks: AsyncIterable<Chunk>) => AsyncIterable<Uint8Array>

const inChunk = (index: number, error: unknown): unknown =>
  error instanceof BrokenAudio
    ? new BrokenAudio(`chunk_${index}_${error.code}`, `chunk ${index}: ${error.message}`, {
        cause: error,
      })
    : error

/** Each chunk is whole pages of Ogg, with or without headers of its own. */
const joinOpus: Join = async function* (chunks) {
  const join = createOpusJoin()
  for await (const { index, bytes } of chunks) {
    const reader = createPageReader()
    join.beginChunk()
    try {
      for await (const piece of bytes) {
        const joined = [...reader.take(piece)].flatMap((page) => [...join.add(page)])
        if (joined.length > 0) yield Buffer.concat(joined)
      }
      reader.end()
    } catch (error) {
      throw inChunk(index, error)
    }
  }
  yield* join.end()
}

/** Samples and frames stand by themselves: what follows what is all that counts. */
const concatenate: Join = async function* (chunks) {
  for await (const { bytes } of chunks) yield* bytes
}

/** How chunks of a codec become one object. */
export const joins = {
  opus: joinOpus,
  pcm_s16le: concatenate,
  aac: concatenate,
  mp3: concatenate,
} as const satisfies Record<string, Join>

import { BrokenAudio } from './broken-audio.ts'
import { createPageReader, type OggPage } from './ogg-page.ts'
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

/** The same bytes, pages that follow each other in memory as one piece: nothing is copied. */
function* adjoined(pages: readonly OggPage[]): Generator<Buffer> {
  let run: Buffer | undefined
  for (const page of pages) {
    if (run && run.buffer === page.buffer && run.byteOffset + run.length === page.byteOffset) {
      run = Buffer.from(run.buffer, run.byteOffset, run.length + page.length)
      continue
    }
    if (run) yield run
    run = page
  }
  if (run) yield run
}

/** Each chunk is whole pages of Ogg, with or without headers of its own. */
const joinOpus: Join = async function* (chunks) {
  const join = createOpusJoin()
  for await (const { index, bytes } of chunks) {
    const reader = createPageReader()
    join.beginChunk()
    try {
      for await (const piece of bytes)
        yield* adjoined([...reader.take(piece)].flatMap((page) => [...join.add(page)]))
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

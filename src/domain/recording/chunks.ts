import type { Instant } from '../../../protocol/instant.ts'
import {
  firstRun,
  holds,
  onlyIn,
  type Ranges,
  withNumbers,
  withoutNumber,
} from '../../../protocol/ranges.ts'

export type Chunk = {
  readonly index: number
  readonly bytes: number
  readonly sha256: string
  /** By the device's clock. */
  readonly startedAt: Instant | null
  readonly durationMs: number | null
  readonly announcedAt: Instant
  /** How often what was put for it had to be set aside. */
  readonly attempt: number
  /** Its key in the object store, once it is stored. */
  readonly object: string | null
}

const pageChunks = 128
type Page = readonly (Chunk | undefined)[]

/** In pages, so that an event copies a few hundred places of a recording of 100,000 chunks and not all of them. */
export type Chunks = {
  readonly pages: ReadonlyMap<number, Page>
  readonly announced: Ranges
  readonly stored: Ranges
  readonly storedBytes: number
}

export const noChunks: Chunks = { pages: new Map(), announced: [], stored: [], storedBytes: 0 }

const pageOf = (index: number): number => Math.floor((index - 1) / pageChunks)
const slotOf = (index: number): number => (index - 1) % pageChunks

export const chunkAt = ({ pages }: Chunks, index: number): Chunk | undefined =>
  pages.get(pageOf(index))?.[slotOf(index)]

const put = (chunks: Chunks, changed: readonly Chunk[]): ReadonlyMap<number, Page> => {
  const pages = new Map(chunks.pages)
  for (const [number, ofPage] of Map.groupBy(changed, ({ index }) => pageOf(index))) {
    const page = [...(pages.get(number) ?? [])]
    for (const chunk of ofPage) page[slotOf(chunk.index)] = chunk
    pages.set(number, page)
  }
  return pages
}

/** With those that were not announced before. */
export const announced = (chunks: Chunks, fresh: readonly Chunk[]): Chunks => {
  const unknown = fresh.filter(({ index }) => !holds(chunks.announced, index))
  return {
    ...chunks,
    pages: put(chunks, unknown),
    announced: withNumbers(
      chunks.announced,
      unknown.map(({ index }) => index),
    ),
  }
}

export type StoredChunk = {
  readonly index: number
  readonly sha256: string
  readonly object: string
}

/** Whether that is news of a chunk that was announced so. */
export const isAwaited = (chunks: Chunks, { index, sha256 }: Omit<StoredChunk, 'object'>) => {
  const chunk = chunkAt(chunks, index)
  return chunk !== undefined && chunk.object === null && chunk.sha256 === sha256
}

export const stored = (chunks: Chunks, news: readonly StoredChunk[]): Chunks => {
  const byIndex = new Map(news.map((one) => [one.index, one]))
  const fresh = [...byIndex.values()].flatMap((one): Chunk[] => {
    const chunk = isAwaited(chunks, one) ? chunkAt(chunks, one.index) : undefined
    return chunk ? [{ ...chunk, object: one.object }] : []
  })
  return {
    ...chunks,
    pages: put(chunks, fresh),
    stored: withNumbers(
      chunks.stored,
      fresh.map(({ index }) => index),
    ),
    storedBytes: fresh.reduce((sum, { bytes }) => sum + bytes, chunks.storedBytes),
  }
}

/** It is awaited again; under another key, where what stands under the last one was wrong. */
export const refused = (
  chunks: Chunks,
  { index, reason }: { readonly index: number; readonly reason: string },
): Chunks => {
  const chunk = chunkAt(chunks, index)
  if (!chunk) return chunks
  const attempt = reason === 'lost' ? chunk.attempt : chunk.attempt + 1
  return {
    ...chunks,
    pages: put(chunks, [{ ...chunk, attempt, object: null }]),
    stored: withoutNumber(chunks.stored, index),
    storedBytes: chunks.storedBytes - (chunk.object === null ? 0 : chunk.bytes),
  }
}

/** Announced and not stored, the lowest first. */
export const awaited = (chunks: Chunks, chunksMax: number): readonly Chunk[] =>
  onlyIn(chunks.announced, chunks.stored, chunksMax).flatMap(
    (index) => chunkAt(chunks, index) ?? [],
  )

/** Every one that was announced, in order. */
export function* everyChunk(chunks: Chunks): Generator<Chunk> {
  for (const [from, to] of chunks.announced)
    for (let index = from; index <= to; index += 1) {
      const chunk = chunkAt(chunks, index)
      if (chunk) yield chunk
    }
}

export const isStoredUpTo = (chunks: Chunks, total: number): boolean =>
  firstRun(chunks.stored) >= total

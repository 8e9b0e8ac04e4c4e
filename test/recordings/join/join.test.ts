import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { oggGapSamplesMax } from '../../../protocol/limits-recordings.ts'
import {
  audio,
  headers,
  opusHead,
  opusTags,
  packetPage,
  packetSamples,
  paddedSilence,
  page,
  silence,
} from '../../../src/cli/simulate/ogg-opus.ts'
import { BrokenAudio } from '../../../src/recordings/join/broken-audio.ts'
import { joins } from '../../../src/recordings/join/join.ts'
import { pagesIn } from '../../support/opus.ts'

const test = suite('join')

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function* chunksOf(chunks: readonly Buffer[], size: number) {
  for (const [at, bytes] of chunks.entries()) yield { index: at + 1, bytes: inPieces(bytes, size) }
}

const joined = async (
  chunks: readonly Buffer[],
  codec: keyof typeof joins = 'opus',
  size = 1_000,
): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  for await (const piece of joins[codec](chunksOf(chunks, size))) pieces.push(piece)
  return Buffer.concat(pieces)
}

const refused = async (chunks: readonly Buffer[], why: string) => {
  const error = await joined(chunks).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.instance(error, BrokenAudio)
  const { message, code } = error as BrokenAudio
  assert.match(message, why)
  assert.match(code, /^chunk_[1-9]_[a-z_]+$/)
}

const track = (serial: number, sequence = 2, granule = 0n) => ({ serial, sequence, granule })
const ended = (serial: number, sequence: number, granule: bigint, packets = [silence]) =>
  packetPage(packets, { flags: 4, granule, serial, sequence })

/** What every stream that comes out must be, whatever went in. */
const checkStream = (bytes: Buffer) => {
  const pages = pagesIn(bytes)
  for (const [at, { flags, serial, sequence }] of pages.entries()) {
    assert.is(serial, pages[0]?.serial)
    assert.is(sequence, at)
    assert.is((flags & 2) !== 0, at === 0)
    assert.is((flags & 4) !== 0, at === pages.length - 1)
  }
  const granules = pages.map(({ granule }) => granule).filter((granule) => granule >= 0n)
  assert.ok(granules.every((granule, at) => at === 0 || granule >= (granules[at - 1] ?? 0n)))
  return pages
}

test('a stream that was cut at its pages comes out as it was', async () => {
  const first = Buffer.concat([headers(7), audio(5, 10, track(7))])
  const second = audio(5, 10, track(7, 7, 50n * packetSamples))
  const third = ended(7, 12, 101n * packetSamples - 100n)
  assert.equal(await joined([first, second, third]), Buffer.concat([first, second, third]))
})

test('a stream that begins late keeps its positions', async () => {
  const whole = Buffer.concat([
    headers(7),
    audio(2, 5, track(7, 2, 48_000n)),
    ended(7, 4, 48_000n + 11n * packetSamples),
  ])
  assert.equal(await joined([whole]), whole)
})

test('chunks with headers of their own become one stream', async () => {
  const chunk = (serial: number) =>
    Buffer.concat([
      headers(serial),
      audio(3, 10, track(serial)),
      ended(serial, 5, 31n * packetSamples),
    ])
  const pages = checkStream(await joined([chunk(1), chunk(2), chunk(3)]))
  assert.is(pages.length, 2 + 3 * 4)
  assert.is(pages.at(-1)?.granule, 93n * packetSamples)
  assert.is(pages.filter(({ payload }) => Buffer.from(payload).includes('Opus')).length, 2)
})

test('two streams in one chunk become one', async () => {
  const chunk = Buffer.concat([
    headers(1),
    ended(1, 2, packetSamples),
    headers(2),
    ended(2, 2, packetSamples),
  ])
  assert.is(checkStream(await joined([chunk])).at(-1)?.granule, 2n * packetSamples)
})

test('chunks without headers may number from the start again', async () => {
  const first = Buffer.concat([headers(1), audio(3, 10, track(1))])
  const pages = checkStream(
    await joined([first, audio(3, 10, track(1, 0)), audio(3, 10, track(9, 0))]),
  )
  assert.is(pages.at(-1)?.granule, 90n * packetSamples)
})

test('only the last page may end before its packets do', async () => {
  const trimmed = (serial: number) =>
    Buffer.concat([headers(serial), ended(serial, 2, packetSamples - 60n)])
  const pages = checkStream(await joined([trimmed(1), trimmed(2)]))
  assert.equal(
    pages.slice(2).map(({ granule }) => granule),
    [packetSamples, 2n * packetSamples - 60n],
  )
})

test('a pause is kept up to the longest, and left out past it', async () => {
  const first = Buffer.concat([headers(1), audio(1, 1, track(1))])
  const after = (gap: bigint) => audio(1, 1, track(1, 3, packetSamples + gap))
  const endOf = async (gap: bigint) =>
    checkStream(await joined([first, after(gap)])).at(-1)?.granule
  assert.is(await endOf(oggGapSamplesMax), 2n * packetSamples + oggGapSamplesMax)
  assert.is(await endOf(oggGapSamplesMax + 1n), 2n * packetSamples)
})

test('a packet over two pages and two chunks counts where it ends', async () => {
  const packet = paddedSilence(400, 1)
  const half = page({
    flags: 0,
    granule: -1n,
    serial: 1,
    sequence: 2,
    lacing: [255],
    payload: packet.subarray(0, 255),
  })
  const rest = page({
    flags: 1,
    granule: packetSamples,
    serial: 1,
    sequence: 3,
    lacing: [packet.length - 255],
    payload: packet.subarray(255),
  })
  const chunks = [Buffer.concat([headers(1), half]), Buffer.concat([rest, ended(1, 4, 1_920n)])]
  assert.equal(await joined(chunks), Buffer.concat(chunks))
})

test('comment headers over many pages are dropped whole', async () => {
  const tags = opusTags('v'.repeat(600))
  const long = Buffer.concat([
    packetPage([opusHead()], { flags: 2, granule: 0n, serial: 2, sequence: 0 }),
    page({
      flags: 0,
      granule: -1n,
      serial: 2,
      sequence: 1,
      lacing: [255, 255],
      payload: tags.subarray(0, 510),
    }),
    page({
      flags: 1,
      granule: 0n,
      serial: 2,
      sequence: 2,
      lacing: [tags.length - 510],
      payload: tags.subarray(510),
    }),
    audio(1, 1, track(2, 3)),
  ])
  const pages = checkStream(
    await joined([Buffer.concat([headers(1), audio(1, 1, track(1))]), long]),
  )
  assert.is(pages.length, 4)
  checkStream(await joined([long, Buffer.concat([headers(1), audio(1, 1, track(1))])]))
})

test('what is no stream of Opus is refused with the chunk and the reason', async () => {
  const good = Buffer.concat([headers(1), audio(2, 2, track(1))])
  const flipped: Buffer = Buffer.from(good)
  flipped[flipped.length - 1] = 0
  const other = packetPage([Buffer.from('\x01vorbis')], {
    flags: 2,
    granule: 0n,
    serial: 3,
    sequence: 0,
  })
  await refused([good, Buffer.from('no pages at all')], 'chunk 2: its bytes are not pages of Ogg')
  await refused([Buffer.from('Oggx')], 'chunk 1: its bytes are not pages')
  await refused([good.subarray(0, -1)], 'chunk 1: its last page of Ogg is not whole')
  await refused([flipped], 'a wrong checksum')
  await refused([other], 'another codec')
  await refused([audio(1, 1, track(1))], 'does not begin with a header of Opus')
  await refused(
    [good, headers(1, opusTags(), opusHead(2))],
    'chunk 2: its Opus has other channels or another gain',
  )
  await refused([good, headers(1, opusTags(), opusHead(1, 256))], 'another gain')
  await refused(
    [Buffer.concat([good, audio(1, 1, track(2))])],
    'chunk 1: its Ogg holds more than one stream',
  )
  await refused([headers(1, Buffer.from('no tags'))], 'no comment header')
  const versioned = Buffer.from(good)
  versioned[4] = 1
  await refused([versioned], 'unknown version')
})

test('any cut at pages, in any pieces, is the same stream', async () => {
  const pages = Array.from({ length: 12 }, (_, at) =>
    audio(1, 3, track(5, at + 2, BigInt(at * 3) * packetSamples), (k) =>
      paddedSilence(at * 40 + k, k),
    ),
  )
  const all = Buffer.concat([headers(5), ...pages, ended(5, 14, 37n * packetSamples)])
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: 11 }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 5_000 }),
      async (cuts, size) => {
        const bounds = [0, ...cuts.sort((a, b) => a - b), pages.length]
        const chunks: Buffer[] = bounds
          .slice(1)
          .map((to, at) => Buffer.concat(pages.slice(bounds[at], to)))
        chunks[0] = Buffer.concat([headers(5), chunks[0] ?? Buffer.alloc(0)])
        chunks.push(ended(5, 14, 37n * packetSamples))
        assert.ok((await joined(chunks, 'opus', size)).equals(all))
      },
    ),
    { numRuns: 60 },
  )
})

test('any pages of any flags and positions become a stream or a refusal', async () => {
  const anyPage = fc.record({
    flags: fc.constantFrom(0, 1, 4, 5),
    granule: fc.bigInt({ min: -1n, max: 1n << 62n }),
    serial: fc.constantFrom(1, 2),
    sequence: fc.nat(),
    lacing: fc.array(fc.constantFrom(0, 3, 255), { maxLength: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyPage, { maxLength: 5 }), { minLength: 1, maxLength: 4 }),
      async (chunks) => {
        const bytes = chunks.map((pages) =>
          Buffer.concat(
            pages.map((parts) =>
              page({
                ...parts,
                payload: Buffer.alloc(
                  parts.lacing.reduce<number>((a, b) => a + b, 0),
                  0xfb,
                ),
              }),
            ),
          ),
        )
        const all = [Buffer.concat([headers(1), ...bytes.slice(0, 1)]), ...bytes.slice(1)]
        const result = await joined(all).catch((error: unknown) => error)
        if (result instanceof Buffer) checkStream(result)
        else assert.instance(result, BrokenAudio)
      },
    ),
    { numRuns: 300 },
  )
})

test('other codecs are put one after the other', async () => {
  const chunks = [Buffer.from('one'), Buffer.from('two'), Buffer.alloc(5_000, 3)]
  for (const codec of ['pcm_s16le', 'aac', 'mp3'] as const)
    assert.equal(await joined(chunks, codec), Buffer.concat(chunks))
})

test.run()

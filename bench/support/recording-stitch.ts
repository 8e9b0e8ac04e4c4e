import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DeviceId } from '../../protocol/ids.ts'
import { chunkKey } from '../../protocol/object-keys.ts'
import { recordingIdOf } from '../../protocol/topics.ts'
import { audio, headers, paddedSilence } from '../../src/cli/simulate/ogg-opus.ts'
import type { ObjectStore } from '../../src/store/object-store.ts'
import type { BoundDevice, LapelUnderTest } from './lapel.ts'
import { residentKib } from './process-tree.ts'
import { driveDevice } from './recording-driver.ts'

export type Stitched = {
  readonly bytes: number
  readonly seconds: number
  /** The same chunks by `cat` into one file with its SHA-256, and to the disk. */
  readonly catSeconds: number
  readonly restMib: number
  /** Of the node's process, while it put the recording together. */
  readonly peakMib: number
}

const largeBytes = 16_000_000
const pagePackets = 10

/** Pages of Opus: the join numbers them anew, so every chunk may hold the same. */
const opusPages = (): Buffer => {
  const packet = paddedSilence(5_000, 7)
  const pages = Math.floor(largeBytes / (pagePackets * (packet.length + 30)))
  return audio(pages, pagePackets, { serial: 7, sequence: 2, granule: 0n }, () => packet)
}

const bodiesOf = (codec: 'opus' | 'pcm_s16le'): readonly [first: Buffer, rest: Buffer] => {
  if (codec === 'pcm_s16le') {
    const noise = randomBytes(largeBytes)
    return [noise, noise]
  }
  const pages = opusPages()
  return [Buffer.concat([headers(7), pages]), pages]
}

const sampled = (pid: number) => {
  let peak = residentKib(pid)
  const timer = setInterval(() => {
    peak = Math.max(peak, residentKib(pid))
  }, 20)
  return () => {
    clearInterval(timer)
    return peak / 1_024
  }
}

/** `cat` of the chunks' files, as they stand on the disk. */
const catAndHash = async (folder: string, to: string): Promise<number> => {
  const started = performance.now()
  const script = `find '${folder}' -type f -name '*-0.o' -print0 | sort -zV | xargs -0 cat | tee '${to}' | sha256sum && sync '${to}'`
  await promisify(execFile)('sh', ['-c', script])
  const seconds = (performance.now() - started) / 1_000
  await promisify(execFile)('rm', [to])
  return seconds
}

/** One large recording, put together by the running node. */
export const stitchLarge = async (
  lapel: LapelUnderTest,
  objects: ObjectStore,
  bound: BoundDevice,
  { codec, chunks }: { readonly codec: 'opus' | 'pcm_s16le'; readonly chunks: number },
): Promise<Stitched> => {
  let [storedUpTo, status, own] = [0, '', '']
  const device = await driveDevice(lapel.mqttPort, bound, {
    grants: () => {},
    watermark: (name, watermark) => {
      if (name !== own) return
      storedUpTo = watermark.stored_up_to
      status = watermark.status
    },
  })
  const seen = async (is: () => boolean) => {
    for (const deadline = Date.now() + 600_000; !is(); ) {
      if (Date.now() > deadline) throw new Error(`stored up to ${storedUpTo}, ${status}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const uuid = device.begin(codec)
  own = uuid
  const place = { project: lapel.project, recording: recordingIdOf(bound.id as DeviceId, uuid) }
  const [first, rest] = bodiesOf(codec)
  const sums = [first, rest].map((body) => createHash('sha256').update(body).digest('hex'))
  let bytes = 0
  for (let index = 1; index <= chunks; index += 1) {
    const [body, sha256 = ''] = index === 1 ? [first, sums[0]] : [rest, sums[1]]
    const about = { bytes: body.length, contentType: 'application/octet-stream', sha256 }
    const chunk = { index, bytes: body.length, sha256 }
    device.announce(uuid, [chunk])
    await objects.write(chunkKey(place, { ...chunk, attempt: 0 }), body, about)
    // What is said again is looked for: the store may have told of it before the log had it.
    device.announce(uuid, [chunk])
    bytes += body.length
  }
  await seen(() => storedUpTo === chunks)
  const restMib = residentKib(lapel.pid) / 1_024
  const peak = sampled(lapel.pid)
  const started = performance.now()
  device.finish(uuid, { chunks, bytes })
  await seen(() => status === 'uploaded')
  const seconds = (performance.now() - started) / 1_000
  const peakMib = peak()
  await device.end()
  const folder = join(lapel.data, 'objects')
  const catSeconds = await catAndHash(folder, join(lapel.data, 'cat'))
  for await (const { key } of objects.list(`${place.project}/${place.recording}/`))
    await objects.delete([key])
  return { bytes, seconds, catSeconds, restMib, peakMib }
}

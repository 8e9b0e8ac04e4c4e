import type { ProjectId, RecordingId } from '../../protocol/ids.ts'
import { chunkKey } from '../../protocol/object-keys.ts'
import type { Grant } from '../../protocol/recording-payloads.ts'
import type { ObjectStore } from '../../src/store/object-store.ts'
import type { BoundDevice, LapelUnderTest } from './lapel.ts'
import { cpuSeconds, treeCpuSeconds } from './process-tree.ts'
import {
  type Chunk,
  chunkBytes,
  type Driven,
  driveDevice,
  newChunk,
  put,
} from './recording-driver.ts'
import { quantile } from './statistics.ts'

export type Round = {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the node's own process, and of all processes of Lapel, per chunk. */
  readonly nodeCpuMs: number
  readonly allCpuMs: number
}

const measured = async (pid: number, work: (tookMs: number[]) => Promise<void>): Promise<Round> => {
  const tookMs: number[] = []
  const [started, node, all] = [performance.now(), cpuSeconds(pid), treeCpuSeconds(pid)]
  await work(tookMs)
  const seconds = (performance.now() - started) / 1_000
  const count = tookMs.length
  return {
    perSecond: count / seconds,
    p50Ms: quantile(tookMs, 0.5),
    p99Ms: quantile(tookMs, 0.99),
    nodeCpuMs: ((cpuSeconds(pid) - node) * 1_000) / count,
    allCpuMs: ((treeCpuSeconds(pid) - all) * 1_000) / count,
  }
}

const bareProject = 'proj_bench' as ProjectId

/** The bare object store of the same node: chunks put by pre-signed URLs, so many at once. */
export const bareRound = (
  lapel: Pick<LapelUnderTest, 'pid'>,
  objects: ObjectStore,
  { atOnce, ms }: { atOnce: number; ms: number },
): Promise<Round> =>
  measured(lapel.pid, async (tookMs) => {
    const started = Date.now()
    const until = performance.now() + ms
    const contentType = 'application/octet-stream'
    const worker = async (at: number) => {
      // Keys as those of chunks: a folder for each of them.
      const place = { project: bareProject, recording: `rec_${at}_${started}` as RecordingId }
      for (let index = 1; performance.now() < until; index += 1) {
        const { body, sha256 } = newChunk()
        const key = chunkKey(place, { index, sha256, attempt: 0 })
        const grant = { bytes: body.length, contentType, sha256, expiresSeconds: 900 }
        const begun = performance.now()
        await put(objects.presignPut(key, grant), body)
        tookMs.push(performance.now() - begun)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, (_, at) => worker(at)))
  })

type Uploader = {
  /** Announces, and again when all of it is stored, until then; `stored` is told how long each chunk took. */
  readonly upload: (untilMs: number, stored: (ms: number) => void) => Promise<void>
  readonly end: () => Promise<void>
}

/** A device that has one chunk under way: announced, alone or with others, granted, put, and below the watermark. */
const uploader = async (port: number, bound: BoundDevice, atATime: number): Promise<Uploader> => {
  let chunks: readonly Chunk[] = []
  let [first, storedUpTo, begun] = [1, 0, 0]
  let [stored, done] = [(_: number) => {}, () => {}]
  let putting: Promise<unknown> = Promise.resolve()
  const device: Driven = await driveDevice(port, bound, {
    grants: (_, grants) => {
      for (const grant of grants) {
        const chunk = chunks[grant.index - first]
        if (chunk) putting = putting.then(() => put(grant, chunk.body))
      }
    },
    watermark: (_, { stored_up_to }) => {
      if (stored_up_to <= storedUpTo) return
      for (; storedUpTo < stored_up_to; storedUpTo += 1) stored(performance.now() - begun)
      if (storedUpTo === first + chunks.length - 1) done()
    },
  })
  const recording = device.begin('pcm_s16le')
  const announce = (): void => {
    first += chunks.length
    chunks = Array.from({ length: atATime }, newChunk)
    begun = performance.now()
    const said = chunks.map(({ sha256 }, at) => ({ index: first + at, bytes: chunkBytes, sha256 }))
    device.announce(recording, said)
  }
  return {
    upload: (untilMs, told) => {
      const over = Promise.withResolvers<void>()
      stored = told
      done = () => (performance.now() < untilMs ? announce() : over.resolve())
      announce()
      return over.promise
    },
    end: device.end,
  }
}

/**
 * From the announcement to the watermark; each device puts one chunk at a time, and announces one, or some, when the last are stored.
 * Devices that have nothing open: what they would be told again on their way in is not to be measured.
 */
export const endToEndRound = async (
  lapel: Pick<LapelUnderTest, 'pid' | 'mqttPort'>,
  devices: readonly BoundDevice[],
  { ms, atATime = 1 }: { ms: number; atATime?: number },
): Promise<Round> => {
  const uploaders = await Promise.all(
    devices.map((bound) => uploader(lapel.mqttPort, bound, atATime)),
  )
  const round = await measured(lapel.pid, async (tookMs) => {
    const untilMs = performance.now() + ms
    const stored = (took: number) => void tookMs.push(took)
    await Promise.all(uploaders.map(({ upload }) => upload(untilMs, stored)))
  })
  await Promise.all(uploaders.map(({ end }) => end()))
  return round
}

export type Grants = { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number }

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Until that holds, 10 s at most. */
const waitFor = async (holds: () => boolean): Promise<void> => {
  for (const deadline = Date.now() + 10_000; !holds() && Date.now() < deadline; ) await pause(20)
}

/**
 * So many announcements a second of one chunk each, over all devices; how long a grant takes. Devices that have nothing open: what they
 * would be told again on their way in is not to be measured. It begins when each of them was granted a first chunk.
 */
export const grantsAtRate = async (
  { mqttPort }: Pick<LapelUnderTest, 'mqttPort'>,
  devices: readonly BoundDevice[],
  { rate, ms }: { rate: number; ms: number },
): Promise<Grants> => {
  const asked = new Map<string, number>()
  const tookMs: number[] = []
  const heard = {
    grants: (recording: string, grants: readonly Grant[]) => {
      for (const { index } of grants) {
        const begun = asked.get(`${recording}/${index}`)
        if (begun !== undefined) tookMs.push(performance.now() - begun)
        asked.delete(`${recording}/${index}`)
      }
    },
    watermark: () => {},
  }
  const driven = await Promise.all(devices.map((bound) => driveDevice(mqttPort, bound, heard)))
  const recordings = driven.map((device) => device.begin('pcm_s16le'))
  const { sha256 } = newChunk()
  const announce = (at: number, index: number) => {
    asked.set(`${recordings[at]}/${index}`, performance.now())
    driven[at]?.announce(recordings[at] ?? '', [{ index, bytes: chunkBytes, sha256 }])
  }
  for (const at of driven.keys()) announce(at, 1)
  await waitFor(() => asked.size === 0)
  tookMs.length = 0
  const started = performance.now()
  for (let sent = 0; performance.now() - started < ms; ) {
    for (const due = ((performance.now() - started) * rate) / 1_000; sent < due; sent += 1)
      announce(sent % driven.length, 2 + Math.floor(sent / driven.length))
    await pause(5)
  }
  await waitFor(() => asked.size === 0)
  const perSecond = tookMs.length / ((performance.now() - started) / 1_000)
  await Promise.all(driven.map((device) => device.end()))
  return { perSecond, p50Ms: quantile(tookMs, 0.5), p99Ms: quantile(tookMs, 0.99) }
}

/** Messages of 64 chunks, the next when the last one is granted: how many grants a second there can be. */
export const grantsAtMost = async (
  { mqttPort }: Pick<LapelUnderTest, 'mqttPort'>,
  devices: readonly BoundDevice[],
  ms: number,
): Promise<number> => {
  const started = performance.now()
  let granted = 0
  const { sha256 } = newChunk()
  const chunks = Array.from({ length: 64 }, (_, at) => ({
    index: at + 1,
    bytes: chunkBytes,
    sha256,
  }))
  const one = async (bound: BoundDevice) => {
    const over = Promise.withResolvers<void>()
    let [left, current] = [0, '']
    const next = (device: Driven) => {
      if (performance.now() - started > ms) return over.resolve()
      left = chunks.length
      current = device.begin('pcm_s16le')
      device.announce(current, chunks)
    }
    const device: Driven = await driveDevice(mqttPort, bound, {
      grants: (recording, grants) => {
        if (recording !== current) return
        granted += grants.length
        left -= grants.length
        if (left === 0) next(device)
      },
      watermark: () => {},
    })
    next(device)
    await over.promise
    await device.end()
  }
  await Promise.all(devices.map(one))
  return granted / ((performance.now() - started) / 1_000)
}

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import type { DeviceId } from '../../protocol/ids.ts'
import type { DownGrants, DownWatermark, Grant } from '../../protocol/recording-payloads.ts'
import { recordingIdOf } from '../../protocol/topics.ts'
import { noCounts, SimulatedDevice } from '../../src/cli/simulate/device.ts'
import type { BoundDevice } from './lapel.ts'

export const chunkBytes = 262_144
const agent = new Agent({ keepAlive: true, maxSockets: 64 })
export const endDriver = (): void => agent.destroy()

export type Chunk = { readonly body: Buffer; readonly sha256: string }

const filler = randomBytes(chunkBytes)

/** Another chunk each time, cheaply: its first bytes differ. */
export const newChunk = (): Chunk => {
  const body = Buffer.from(filler)
  randomBytes(16).copy(body)
  return { body, sha256: createHash('sha256').update(body).digest('hex') }
}

/** A PUT over a connection that stays. */
export const put = (
  { url, headers }: Pick<Grant, 'url' | 'headers'>,
  body: Buffer,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const length = { 'content-length': String(body.length) }
    const outgoing = request(url, { method: 'PUT', agent, headers: { ...headers, ...length } })
    outgoing.on('response', (response) => {
      response.resume()
      response.on('end', () =>
        response.statusCode === 200 || response.statusCode === 412
          ? resolve()
          : reject(new Error(`PUT: ${response.statusCode}`)),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })

export type Driven = {
  /** Begins another recording; its name in topics. */
  readonly begin: (codec: 'pcm_s16le' | 'opus') => string
  readonly announce: (
    recording: string,
    chunks: readonly { index: number; bytes: number; sha256: string }[],
  ) => void
  readonly finish: (recording: string, total: { chunks: number; bytes: number }) => void
  readonly end: () => Promise<void>
}

export type Heard = {
  readonly grants: (recording: string, grants: readonly Grant[]) => void
  readonly watermark: (recording: string, watermark: DownWatermark) => void
}

/** A device that says what a bench wants; resolves when it is signed in. */
export const driveDevice = async (
  mqttPort: number,
  bound: BoundDevice,
  heard: Heard,
): Promise<Driven> => {
  const device = new SimulatedDevice(`127.0.0.1:${mqttPort}`, bound, noCounts())
  // After a reconnect the node knows a recording by its own name for it alone.
  const names = new Map<string, string>()
  await new Promise<void>((awoke) => {
    const hear = (topic: string, bytes: Buffer): void => {
      const [name = '', message] = topic.split('/').slice(-2)
      const recording = names.get(name) ?? name
      const value = JSON.parse(bytes.toString())
      if (message === 'grants') heard.grants(recording, (value as DownGrants).grants)
      if (message === 'watermark') heard.watermark(recording, value)
      if (message === 'errors') console.error(bytes.toString())
    }
    device.listen({ heard: hear, awoke })
  })
  const say = (recording: string, message: 'start' | 'chunks' | 'finish', body: object): void =>
    device.publish(`recordings/${recording}/${message}`, { boot: device.boot, ...body })
  return {
    begin: (codec) => {
      const recording = randomUUID()
      names.set(recordingIdOf(bound.id as DeviceId, recording), recording)
      const started_at = Date.now()
      say(recording, 'start', { codec, sample_rate: 16_000, started_at, clock_synced: true })
      return recording
    },
    announce: (recording, chunks) => say(recording, 'chunks', { chunks }),
    finish: (recording, { chunks, bytes }) =>
      say(recording, 'finish', {
        total_chunks: chunks,
        total_bytes: bytes,
        duration_ms: 1_000,
        ended_at: Date.now(),
      }),
    end: () => device.end(),
  }
}

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Encoder } from 'cbor-x'
import { newId } from '../../protocol/ids.ts'
import type { DownGrants, DownWatermark, Grant } from '../../protocol/recording-payloads.ts'
import type { Token } from '../../protocol/tokens.ts'
import { downFilter, recordingIdOf } from '../../protocol/topics.ts'
import { refuseChunk, storeChunks } from '../../src/domain/recording/object-decisions.ts'
import { type KnownRecording, recording } from '../../src/domain/recording/state.ts'
import { openIngest } from '../../src/ingest/ingest.ts'
import { openRecordings } from '../../src/main-recordings.ts'
import { startBroker } from '../../src/mqtt/broker.ts'
import type { RecordingDeps } from '../../src/mqtt/recordings/ports.ts'
import type { Projector } from '../../src/projecting/projector.ts'
import type { ObjectStore } from '../../src/store/object-store.ts'
import { openS3 } from '../../src/store/s3.ts'
import { recordingStream } from '../../src/store/streams.ts'
import { startTarget } from '../object-store/s3-stage.ts'
import { keepLog } from './keep-log.ts'
import { connectDevice, type TestDevice } from './mqtt-device.ts'
import { authOn, boundDevice } from './sign-in.ts'
import { openStage, type Stage } from './stage.ts'

type Bound = Awaited<ReturnType<typeof boundDevice>>

/** What the chunk of that index holds. */
export const bodyOf = (index: number): Buffer => Buffer.from(`chunk ${index} `.repeat(50))
export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')
export const chunkOf = (index: number) => ({
  index,
  bytes: bodyOf(index).length,
  sha256: sha256Of(bodyOf(index)),
})

export type Told = { readonly topic: string; readonly value: Record<string, unknown> }

/** A device that listens, with all that it was told. */
export type Listening = TestDevice & {
  readonly told: readonly Told[]
  readonly grants: () => readonly Grant[]
  readonly watermark: () => DownWatermark | undefined
  readonly errors: () => readonly Record<string, unknown>[]
}

const cbor = new Encoder({ useRecords: false })

const listening = async (device: TestDevice, filter: string): Promise<Listening> => {
  const told: Told[] = []
  device.client.on('message', (topic, bytes) => {
    const value = topic.endsWith('/cbor') ? cbor.decode(bytes) : JSON.parse(bytes.toString())
    told.push({ topic: topic.replace(/\/cbor$/, ''), value })
  })
  await device.client.subscribeAsync(filter, { qos: 1 })
  const of = <Value>(ending: string): Value[] =>
    told.flatMap(({ topic, value }) => (topic.endsWith(ending) ? [value as Value] : []))
  return {
    ...device,
    told,
    grants: () => of<DownGrants>('/grants').flatMap(({ grants }) => grants),
    watermark: () => of<DownWatermark>('/watermark').at(-1),
    errors: () => of('/errors'),
  }
}

const openObjects = async () => {
  const target = await startTarget()
  const { endpoint, region, credentials } = target
  const bucket = `lapel-${randomBytes(4).toString('hex')}`
  const place = { endpoint, publicEndpoint: endpoint, bucket, region, ...credentials }
  const objects = openS3({ ...place, now: Date.now })
  await objects.ensureBucket()
  return { target, objects }
}

/** The verifier's word, said by the test. */
const verifierOn = ({ ledger, by }: Stage, project: Parameters<Stage['by']>[0]) => {
  const streamOf = (id: string, { deviceId }: Bound) =>
    recordingStream(project, recordingIdOf(deviceId, id))
  return {
    stateOf: async (id: string, of: Bound): Promise<KnownRecording> => {
      const { state } = await ledger.read(streamOf(id, of), recording)
      if (state.kind !== 'known') throw new Error('it never started')
      return state
    },
    /** They are there as they were announced. */
    store: async (id: string, of: Bound, indices: readonly number[]): Promise<void> => {
      const chunks = indices.map((index) => ({ ...chunkOf(index), object: `object ${index}` }))
      const found = chunks.map(({ index, sha256, object }) => ({ index, sha256, object }))
      const decide = () => storeChunks({ chunks: found })
      await ledger.transact(streamOf(id, of), recording, decide, by(project))
    },
    refuse: async (id: string, of: Bound, index: number): Promise<void> => {
      const { sha256 } = chunkOf(index)
      const args = { index, sha256, reason: 'checksum_mismatch', attempt: 0 } as const
      await ledger.transact(streamOf(id, of), recording, () => refuseChunk(args), by(project))
    },
  }
}

type Parts = {
  readonly projector: Projector
  readonly objects: Pick<ObjectStore, 'presignPut' | 'check'>
  readonly hint: RecordingDeps['hint']
}

const brokerOn = async (
  stage: Stage,
  { projector, objects, hint }: Parts,
  closing: AsyncDisposableStack,
) => {
  const { log } = keepLog()
  const common = {
    now: Date.now,
    monotonic: () => performance.now(),
    random: randomBytes,
    newId: randomUUID,
    log,
    meter: { count: () => {}, observe: () => {} },
  }
  const opened = openRecordings({ ...common, ...stage, projector, objects, hint }, closing)
  const auth = await authOn(stage, { onRecording: opened.onRecording })
  closing.defer(auth.close)
  const ingest = openIngest({ ...common, store: stage.store, lease: auth.lease })
  const broker = await startBroker({
    ...common,
    auth,
    ingest,
    recordings: opened.recordings,
    readWindow: async () => undefined,
    rates: { device: 0, project: 0, liveNodes: () => 1 },
    tcp: { host: '127.0.0.1', port: 0 },
    isProxied: false,
  })
  closing.defer(broker.close)
  return broker
}

/** A broker with recordings in this process; the event store, Postgres and the object store behind it are real. */
export const openRecordingEdge = async () => {
  const [stage, { target, objects }] = await Promise.all([openStage(), openObjects()])
  const closing = new AsyncDisposableStack()
  const projector = stage.projector()
  closing.defer(projector.close)
  const heartbeats = stage.heartbeats()
  closing.defer(heartbeats.close)
  const down = { is: false, hangs: false }
  const check = (): Promise<void> => {
    if (down.hangs) return new Promise(() => {})
    return down.is ? Promise.reject(new Error('down')) : objects.check()
  }
  const hints: (readonly number[])[] = []
  const parts: Parts = {
    projector,
    objects: { presignPut: objects.presignPut, check },
    hint: (_, indices) => void hints.push(indices),
  }
  const broker = await brokerOn(stage, parts, closing)
  const project = await stage.world()
  const connect = (token: Token) => connectDevice(broker.port, token.text)
  return {
    stage,
    objects,
    project,
    projector,
    heartbeats,
    /** Whether the object store answers, and whether it ever does, to those who ask. */
    down,
    /** Which chunks were to be looked for, hint by hint. */
    hints,
    ...verifierOn(stage, project),
    newDevice: (): Promise<Bound> => boundDevice(stage, project),
    newEndUser: async () => newId('eu_', randomBytes),
    connect,
    /** On a connection of its own, or on one that did not listen yet. */
    listen: async (by: Token | TestDevice, filter = downFilter('me')): Promise<Listening> =>
      listening('client' in by ? by : await connect(by), filter),
    end: async () => {
      await closing.disposeAsync()
      objects.close()
      await target.end()
      await stage.end()
    },
  }
}

import { createHash, randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { newId, type ProjectId, type RecordingId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import type { Codec } from '../../protocol/media.ts'
import { chunkKey, recordingPrefix } from '../../protocol/object-keys.ts'
import { announce, finish } from '../../src/domain/recording/device-decisions.ts'
import { remove } from '../../src/domain/recording/owner-decisions.ts'
import { type KnownRecording, recording } from '../../src/domain/recording/state.ts'
import type { ObjectStore } from '../../src/store/object-store.ts'
import { recordingStream } from '../../src/store/streams.ts'
import type { Stage } from '../support/stage.ts'
import { until } from '../support/until.ts'

type World = { readonly stage: Stage; readonly objects: ObjectStore; readonly project: ProjectId }

export const sha256Of = (body: Uint8Array) => createHash('sha256').update(body).digest('hex')
const nobody = { endUserId: null, bindingId: null, skewMs: null, quarantineReason: null }

/** A recording as its device announced it. */
const announcing =
  ({ stage, objects, project }: World) =>
  async (bodies: readonly Buffer[], codec: Codec | null = 'mp3') => {
    const by = stage.by(project)
    const id: RecordingId = newId('rec_', randomBytes)
    const stream = recordingStream(project, id)
    const at = instantOf(Date.now())
    const begin = {
      recordingId: id,
      source: 'mqtt',
      deviceId: null,
      ownerOf: () => nobody,
      codec,
      sampleRate: 16_000,
      startedAt: at,
      boot: null,
    } as const
    const chunks = bodies.map((body, k) => ({
      index: k + 1,
      bytes: body.length,
      sha256: sha256Of(body),
      startedAt: null,
      durationMs: null,
    }))
    await stage.ledger.transact(stream, recording, () => announce({ begin, chunks }), by)
    const place = { project, recording: id }
    const keyOf = (index: number, attempt = 0) =>
      chunkKey(place, { index, sha256: chunks[index - 1]?.sha256 ?? '', attempt })
    return {
      place,
      keyOf,
      state: async (): Promise<KnownRecording> => {
        const { state } = await stage.ledger.read(stream, recording)
        if (state.kind !== 'known') throw new Error('it never started')
        return state
      },
      put: (index: number, body = bodies[index - 1] ?? Buffer.alloc(0), attempt = 0) =>
        objects.write(keyOf(index, attempt), body, { bytes: body.length, contentType: 'x/y' }),
      finish: () =>
        stage.ledger.transact(
          stream,
          recording,
          () =>
            finish({
              deviceId: null,
              totalChunks: bodies.length,
              totalBytes: 0,
              durationMs: 1_000,
              endedAt: at,
              reason: null,
            }),
          by,
        ),
      remove: () => stage.ledger.transact(stream, recording, remove, by),
    }
  }

export type Announced = Awaited<ReturnType<ReturnType<typeof announcing>>>

export const settled = (work: () => Promise<boolean>, what: string) => until(work, { what })

/** Recordings in a project's world, announced and looked at as a test needs it. */
export const recordingsOn = (stage: Stage, objects: ObjectStore, project: ProjectId) => {
  const announced = announcing({ stage, objects, project })
  const readAll = async (key: string): Promise<Buffer> => {
    const pieces: Uint8Array[] = []
    for await (const piece of await objects.read(key)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  const keysOf = async ({ place }: Announced): Promise<string[]> => {
    const keys: string[] = []
    for await (const { key } of objects.list(recordingPrefix(project, place.recording)))
      keys.push(key)
    return keys
  }

  /** The stitched object, once it is there. */
  const whole = async (one: Announced): Promise<Buffer> => {
    await settled(async () => (await one.state()).end !== null, 'its end')
    const { end } = await one.state()
    if (end?.kind !== 'stitched') throw new Error(JSON.stringify(end))
    const body = await readAll(end.object)
    assert.is(sha256Of(body), end.sha256)
    assert.is(body.length, end.bytes)
    return body
  }

  /** The rows that the sweep reads stand for all that was written. */
  const projected = async (one: Announced, is: (row: Record<string, unknown>) => boolean) =>
    settled(async () => {
      const query = 'select * from live.recordings where id = $1'
      const { rows } = await stage.pool.query(query, [one.place.recording])
      return rows.length > 0 && is(rows[0])
    }, 'its row')

  return { announced, readAll, keysOf, whole, projected }
}

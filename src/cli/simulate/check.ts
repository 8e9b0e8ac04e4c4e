import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Ranges } from '../../../protocol/ranges.ts'
import type { RecordingStatus } from '../../../protocol/recording-payloads.ts'
import { request, type Target } from '../api.ts'
import type { KeptRecording } from './flash.ts'
import { wholeOf } from './sound.ts'

export type Shown = {
  readonly status: RecordingStatus
  readonly chunks: { readonly missing: Ranges }
  readonly quarantine_reason: string | null
  readonly failure_reason: string | null
}

const ends: readonly RecordingStatus[] = ['uploaded', 'incomplete', 'failed', 'quarantined']
const pollMs = 250

/** A recording as the API shows it; `undefined` where it does not. */
export const shown = async (target: Target, { id }: KeptRecording): Promise<Shown | undefined> => {
  const path = `/v1/recordings/${id}`
  const answer = await request(target, { method: 'GET', path }).catch(() => undefined)
  // The API's own reply.
  return answer?.status === 200 ? (answer.body as Shown) : undefined
}

/** The same when it has ended, or when it is given up to wait. */
export const whenEnded = async (
  target: Target,
  kept: KeptRecording,
  givenUp: () => boolean,
): Promise<Shown | undefined> => {
  for (;;) {
    const now = await shown(target, kept)
    if ((now && ends.includes(now.status)) || givenUp()) return now
    await delay(pollMs)
  }
}

type Summed = { readonly bytes: number; readonly sha256: string }

const summed = async (
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Summed> => {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of pieces) {
    hash.update(piece)
    bytes += piece.length
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** Whether what is downloaded of a recording that was uploaded is what its device recorded, byte for byte. Throws where it cannot be downloaded. */
export const isAsRecorded = async (target: Target, kept: KeptRecording): Promise<boolean> => {
  const path = `/v1/recordings/${kept.id}/download-url`
  const { body, status } = await request(target, { method: 'GET', path })
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
  const response = await fetch(String(body['download_url']))
  if (response.status !== 200 || !response.body)
    throw new Error(`the download of ${kept.id} was answered with ${response.status}`)
  const [is, ought] = [await summed(response.body), await summed(wholeOf(kept.sound, kept.count))]
  return is.bytes === ought.bytes && is.sha256 === ought.sha256
}

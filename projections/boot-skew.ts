import type { Kysely } from 'kysely'
import { listHeartbeats } from './heartbeats.ts'
import type { Tables } from './tables.ts'

type Of = {
  readonly project: string
  readonly device: string
  readonly boot: string
  /** How many of the device's newest heartbeats are looked at. */
  readonly limit: number
}

/** What the newest heartbeats of a device showed of the clock of one boot: received − device time, in milliseconds. */
export const readSkews = async (
  db: Kysely<Tables>,
  { project, device, boot, limit }: Of,
  unpacked: (beats: Buffer) => string,
): Promise<readonly number[]> => {
  const newest = { order: 'desc', limit } as const
  const beats = await listHeartbeats(db, { project, device }, newest, unpacked)
  return beats.flatMap((beat) => {
    if (beat.at === null || String(beat.boot) !== boot) return []
    const skewMs = Date.parse(beat.rx) - new Date(beat.at).getTime()
    return Number.isNaN(skewMs) ? [] : [skewMs]
  })
}

import { randomBytes } from 'node:crypto'
import { newEventId } from '../../protocol/ids.ts'
import type { EventStore, Position } from '../../src/store/event-store.ts'
import {
  type CommitError,
  createGroupCommit,
  type GroupCommitOptions,
} from '../../src/store/group-commit.ts'
import { keepLog } from './keep-log.ts'

export const day = 86_400_000
export const freshFamily = () => {
  const name = randomBytes(8).toString('hex')
  return {
    streamAt: (ms: number) => `session.${Math.floor(ms / day)}-${name}`,
    encode: (entries: readonly Uint8Array[]) =>
      Buffer.from(`{"entries":[${entries.map((one) => Buffer.from(one).toString()).join()}]}`),
    metadata: { node: name },
  }
}
export type Given = Partial<GroupCommitOptions<Uint8Array>>
/** A group commit on streams of its own. */
export const committer = (store: EventStore, given: Given = {}) => {
  const family = given.family ?? freshFamily()
  const { log } = keepLog()
  const commit = createGroupCommit<Uint8Array>({
    store,
    type: 'Tested',
    family,
    bytesOf: (entry) => entry.length,
    entriesMax: 1_000,
    bytesMax: 262_144,
    waitingEntriesMax: 10_000,
    appendMsMax: 10_000,
    mayAppend: () => true,
    now: () => 0,
    monotonic: () => performance.now(),
    newId: () => newEventId(randomBytes),
    log,
    ...given,
  })
  return { commit, stream: family.streamAt(0), family }
}
export const entry = (n: number): Uint8Array => Buffer.from(JSON.stringify({ n }))
export const storedIn = async (store: EventStore, stream: string): Promise<number[][]> => {
  const events = await store.readStream(stream)
  return events.map(({ data }) => {
    const text = Buffer.from(data as Uint8Array).toString()
    return (JSON.parse(text) as { entries: { n: number }[] }).entries.map(({ n }) => n)
  })
}

export type Ended = { readonly n: number; readonly error: CommitError | undefined }
export const collector = () => {
  const ended: Ended[] = []
  const positions: (Position | undefined)[] = []
  const doneOf = (n: number) => (error?: CommitError, position?: Position) => {
    ended.push({ n, error })
    positions.push(position)
  }
  return { ended, positions, doneOf }
}

import type { RecordingId } from '../../../protocol/ids.ts'
import { followedRecordingsMax } from '../../../protocol/limits.ts'
import type { TopicRecording } from '../../../protocol/topics.ts'
import type { Connection } from '../connection.ts'
import { type LinkDeps, RecordingLink } from './link.ts'

/** Which sessions hear of which recordings. A session hears of those that it spoke of last, at most `followedRecordingsMax`. */
export class RecordingLinks {
  readonly #deps: LinkDeps
  readonly #byRecording = new Map<RecordingId, Map<Connection, RecordingLink>>()
  readonly #byConnection = new Map<Connection, Map<RecordingId, RecordingLink>>()

  constructor(deps: LinkDeps) {
    this.#deps = deps
  }

  /** In the spelling that the device used last; one that it did not use changes nothing. */
  of(
    connection: Connection,
    recordingId: RecordingId,
    spelled: TopicRecording | undefined,
  ): RecordingLink {
    const own = this.#ofConnection(connection)
    const known = own.get(recordingId)
    if (known && (spelled === undefined || known.spelled === spelled)) return known
    const about = { recordingId, spelled: spelled ?? recordingId }
    const link = new RecordingLink(this.#deps, connection, about)
    this.#keep(connection, link)
    return link
  }

  has(connection: Connection, recordingId: RecordingId): boolean {
    return this.#byConnection.get(connection)?.has(recordingId) ?? false
  }

  heardBy(connection: Connection): readonly RecordingLink[] {
    return [...(this.#byConnection.get(connection)?.values() ?? [])]
  }

  /** With the connection that each belongs to. */
  hearing(recordingId: RecordingId): readonly (readonly [Connection, RecordingLink])[] {
    return [...(this.#byRecording.get(recordingId) ?? [])]
  }

  all(): readonly (readonly [Connection, RecordingLink])[] {
    return [...this.#byRecording.values()].flatMap((ofRecording) => [...ofRecording])
  }

  #ofConnection(connection: Connection): Map<RecordingId, RecordingLink> {
    const known = this.#byConnection.get(connection)
    if (known) return known
    const made = new Map<RecordingId, RecordingLink>()
    this.#byConnection.set(connection, made)
    const drop = (): void => {
      for (const recordingId of made.keys()) this.#drop(connection, recordingId)
      this.#byConnection.delete(connection)
    }
    connection.client.conn.once('close', drop)
    return made
  }

  #keep(connection: Connection, link: RecordingLink): void {
    const { recordingId } = link
    const own = this.#ofConnection(connection)
    own.delete(recordingId)
    own.set(recordingId, link)
    const ofRecording = this.#byRecording.get(recordingId) ?? new Map()
    this.#byRecording.set(recordingId, ofRecording.set(connection, link))
    const [oldest] = own.size > followedRecordingsMax ? own.keys() : []
    if (oldest === undefined) return
    own.delete(oldest)
    this.#drop(connection, oldest)
  }

  #drop(connection: Connection, recordingId: RecordingId): void {
    const ofRecording = this.#byRecording.get(recordingId)
    ofRecording?.delete(connection)
    if (ofRecording?.size === 0) this.#byRecording.delete(recordingId)
  }
}

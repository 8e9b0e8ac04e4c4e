import { beatText, type Placed, withoutName } from '../../projections/heartbeat-runs.ts'
import { heartbeatBatchEntriesMax } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import type { StoredEvent } from '../store/event-store.ts'
import { decode } from './decode.ts'

const head = '{"v":1,"entries":['
const tail = ']}'
// As the entries are serialised. What holds a brace, an escape or a name does not match, and is parsed.
const heartbeat =
  /\{"k":"heartbeat","via":"(mqtt|http)","p":"(\w+)","d":"(\w+)","by":"\w+"(?:,"boot":("[^"\\]*"|\d+))?(?:,"seq":(\d+))?(?:,"at":("[^"\\]*"|-?\d+))?,"rx":"([^"\\]+)","data":(\{[^{}\\]*\})\}(?:,(?=\{)|(?=\]))/y
const name = '"sealed"'

const textOf = (data: Buffer): string => data.toString('utf8')

/** The heartbeats of a commit that holds nothing else, cut out of its text. `undefined`: it has to be parsed. */
export const plainHeartbeats = (text: string, position: string): readonly Placed[] | undefined => {
  if (!(text.startsWith(head) && text.endsWith(tail))) return undefined
  const placed: Placed[] = []
  heartbeat.lastIndex = head.length
  while (heartbeat.lastIndex < text.length - tail.length) {
    const met = heartbeat.exec(text)
    if (!met || met[8]?.includes(name)) return undefined
    const [, via = '', project = '', device = '', boot, seq, at, rx = '', data = ''] = met
    const beat = { position, entry: placed.length, rx, via, boot, seq, at }
    placed.push({
      device,
      project,
      position,
      entry: beat.entry,
      ms: Date.parse(rx),
      boot,
      seq: seq === undefined ? undefined : Number(seq),
      text: beatText({ ...beat, data }),
    })
  }
  return placed
}

const jsonOf = (value: unknown): string | undefined =>
  value === undefined ? undefined : JSON.stringify(value)

const placedOf = (entry: Entry, place: number, position: string): Placed | readonly [] => {
  if (entry.k !== 'heartbeat') return []
  const { p, d, rx, via, seq } = entry
  const [boot, at] = [jsonOf(entry.boot), jsonOf(entry.at)]
  const data = withoutName(JSON.stringify(entry.data))
  return {
    ...{ device: d, project: p, position, entry: place, ms: Date.parse(rx), boot, seq },
    text: beatText({ position, entry: place, rx, via, boot, seq: jsonOf(seq), at, data }),
  }
}

/** The heartbeats of an event of the log, each with its place. An unknown type or form is an `UnknownLogEvent`. */
export const placedHeartbeats = (event: StoredEvent): readonly Placed[] => {
  const position = String(event.position)
  const plain =
    event.type === 'IngestCommitted' && event.data instanceof Uint8Array
      ? plainHeartbeats(
          textOf(Buffer.from(event.data.buffer, event.data.byteOffset, event.data.length)),
          position,
        )
      : undefined
  if (plain) return plain
  const decoded = decode(event)
  if (decoded.kind !== 'observed') return []
  return decoded.entries.flatMap((entry, place) => placedOf(entry, place, position))
}

/** How the history reads the log in batches. */
export const heartbeatReading = {
  read: placedHeartbeats,
  entriesOf: (read: readonly Placed[]): number => read.length,
  entriesMax: heartbeatBatchEntriesMax,
}

import type { LogEvent } from '../../projections/log-event.ts'
import {
  type Entry,
  nodeLostSchema,
  type SessionsChanged,
  sessionsChangedSchema,
} from '../../protocol/observations.ts'
import type { StoredEvent } from '../store/event-store.ts'
import { type FoldedEvent, foldedOf } from '../store/record.ts'
import { open } from '../store/seal.ts'
import { type ParsedStream, parseLifecycleStream } from '../store/streams.ts'

/** An event that nobody here knows: whoever follows the log stops at it. */
export class UnknownLogEvent extends Error {
  override readonly name = 'UnknownLogEvent'
}

/** What was read, before anything sealed is opened. */
export type Decoded =
  | { readonly kind: 'recorded'; readonly event: FoldedEvent; readonly of: ParsedStream }
  | { readonly kind: 'observed'; readonly entries: readonly Entry[]; readonly position: bigint }
  | { readonly kind: 'sessions'; readonly changed: SessionsChanged; readonly position: bigint }
  | {
      readonly kind: 'node-lost'
      readonly node: string
      readonly by: string
      readonly position: bigint
    }
  /** Nothing for a read model. */
  | { readonly kind: 'nothing'; readonly position: bigint }

type Committed = { readonly v: number; readonly entries: readonly Entry[] }

// Entries are our own bytes, checked when they were taken in: here only the form of the whole is looked at.
const committedOf = (event: StoredEvent): Committed => {
  const bytes = event.data as Uint8Array
  const parsed: Partial<Committed> = JSON.parse(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
  )
  if (parsed.v !== 1 || !Array.isArray(parsed.entries))
    throw new UnknownLogEvent(
      `${event.stream}@${event.revision}: ${event.type} of version ${parsed.v}`,
    )
  return { v: 1, entries: parsed.entries }
}

const nodePrefix = 'node-'

/** What an event of the log says. An unknown type or form is an `UnknownLogEvent` or `UnknownEvent`. */
export const decode = (event: StoredEvent): Decoded => {
  const { position } = event
  const of = parseLifecycleStream(event.stream)
  if (of) return { kind: 'recorded', event: foldedOf(event, of.kind), of }
  switch (event.type) {
    case 'IngestCommitted':
      return { kind: 'observed', entries: committedOf(event).entries, position }
    case 'SessionsChanged':
      return { kind: 'sessions', changed: sessionsChangedSchema.parse(event.data), position }
    case 'NodeLost': {
      const { by } = nodeLostSchema.parse(event.data)
      return { kind: 'node-lost', node: event.stream.slice(nodePrefix.length), by, position }
    }
    case 'NodeAlive':
      return { kind: 'nothing', position }
    default:
      throw new UnknownLogEvent(`${event.stream}@${event.revision}: unknown type ${event.type}`)
  }
}

const entriesOf = (decoded: Decoded): number => {
  if (decoded.kind === 'observed') return decoded.entries.length
  return decoded.kind === 'sessions' ? decoded.changed.entries.length : 0
}

/** How many observations and changes of sessions they hold. */
export const entriesIn = (decoded: readonly Decoded[]): number =>
  decoded.reduce((sum, one) => sum + entriesOf(one), 0)

const addSubjects = (decoded: Decoded, to: Set<string>): void => {
  if (decoded.kind === 'recorded') {
    if (sealedIn(decoded.event) !== undefined) to.add(subjectOf(decoded))
  } else if (decoded.kind === 'observed')
    for (const entry of decoded.entries) {
      const owner = sealedEntryOwner(entry)
      if (owner !== undefined) to.add(owner)
    }
}

/** The subjects whose keys are needed to open what these events seal. */
export const sealedSubjects = (events: readonly Decoded[]): readonly string[] => {
  const subjects = new Set<string>()
  for (const decoded of events) addSubjects(decoded, subjects)
  return [...subjects]
}

const sealedIn = ({ data }: FoldedEvent): string | undefined =>
  'sealed' in data && typeof data.sealed === 'string' ? data.sealed : undefined

type Recorded = Extract<Decoded, { kind: 'recorded' }>
type Observed = Extract<Decoded, { kind: 'observed' }>

/** Under whose key it is sealed: that of the stream's subject, unless it names another. */
const subjectOf = ({ event: { data }, of }: Recorded): string =>
  'sealed_for' in data && data.sealed_for !== undefined ? data.sealed_for : of.subject

/** A heartbeat names the end user under whose key its `device_name` is sealed. */
const sealedEntryOwner = (entry: Entry): string | undefined =>
  entry.k === 'heartbeat' && entry.data.sealed !== undefined ? entry.data.sealed_for : undefined

type Keys = ReadonlyMap<string, Uint8Array>

const opened = (recorded: Recorded, keys: Keys) => {
  const sealed = sealedIn(recorded.event)
  const key = sealed === undefined ? undefined : keys.get(subjectOf(recorded))
  return sealed !== undefined && key ? (open(sealed, key) ?? null) : null
}

const noNames: ReadonlyMap<Entry, string> = new Map()

/** The names that devices reported and that are sealed, opened where the key is there. */
const deviceNames = (entries: readonly Entry[], keys: Keys): ReadonlyMap<Entry, string> => {
  if (keys.size === 0) return noNames
  const names = new Map<Entry, string>()
  for (const entry of entries) {
    const owner = sealedEntryOwner(entry)
    const key = owner === undefined ? undefined : keys.get(owner)
    const sealed = entry.k === 'heartbeat' ? entry.data.sealed : undefined
    const name = key && sealed !== undefined ? open(sealed, key)?.['device_name'] : undefined
    if (typeof name === 'string') names.set(entry, name)
  }
  return names
}

// A commit is folded into the row of each of its devices: sorted by device once.
const observed = ({ entries, position }: Observed, keys: Keys): LogEvent => ({
  kind: 'observed',
  byDevice: Map.groupBy(entries, ({ d }) => d),
  deviceNames: deviceNames(entries, keys),
  position,
})

const lifecycle = (recorded: Recorded, keys: Keys): LogEvent => {
  const { at, revision, position, type, data } = recorded.event
  const { kind, project, subject } = recorded.of
  const about = { project, subject, opened: opened(recorded, keys), at, revision, position }
  return { kind, event: { type, data }, ...about } as LogEvent
}

/** The event as projections meet it. Session entries of a lost node are void; `undefined` when nothing is left. */
export const logEventOf = (
  decoded: Decoded,
  keys: Keys,
  isLost: (node: string) => boolean,
): LogEvent | undefined => {
  switch (decoded.kind) {
    case 'recorded':
      return lifecycle(decoded, keys)
    case 'observed':
      return observed(decoded, keys)
    case 'sessions': {
      const { node, entries } = decoded.changed
      return isLost(node)
        ? undefined
        : { kind: 'sessions', node, entries, position: decoded.position }
    }
    case 'node-lost':
      return decoded as LogEvent
    case 'nothing':
      return undefined
  }
}

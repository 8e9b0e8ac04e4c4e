import { leafHash, publicKeyOf, verifyLeaf, zeroHash } from '../../protocol/envelope.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import { type Entry, ingestCommittedSchema } from '../../protocol/observations.ts'
import type { EventStore, StoredEvent } from '../../src/store/event-store.ts'
import { idemOf, projectKey } from '../../src/store/keyed.ts'
import type { Secrets } from '../../src/store/keyring.ts'
import { dataIsIntact, type RecordedEvent, recordedOf } from '../../src/store/record.ts'
import { parseLifecycleStream } from '../../src/store/streams.ts'
import type { Acknowledged } from './load.ts'

export type LogContents = {
  readonly lifecycle: readonly RecordedEvent[]
  /** In the order of the log. */
  readonly entries: readonly Entry[]
}

/** The whole log, from the start to its end. */
export const readLog = async (store: EventStore): Promise<LogContents> => {
  const lifecycle: RecordedEvent[] = []
  const entries: Entry[] = []
  const meet = (event: StoredEvent) => {
    const of = parseLifecycleStream(event.stream)
    if (of) lifecycle.push(recordedOf(event, of.kind))
    if (event.type !== 'IngestCommitted') return
    const text = Buffer.from(event.data as Uint8Array).toString('utf8')
    entries.push(...ingestCommittedSchema.parse(JSON.parse(text)).entries)
  }
  const subscription = store.subscribe({ prefixes: ['proj_', 'sys.', 'ingest.'], from: 'start' })
  try {
    for await (const items of subscription) {
      for (const item of items) if (item.kind === 'event') meet(item.event)
      if (items.some(({ kind }) => kind === 'caught-up')) break
    }
  } finally {
    await subscription.close()
  }
  return { lifecycle, entries }
}

/** Every stream unbroken from revision 0, every hash and signature right. */
export const chainFaults = (events: readonly RecordedEvent[], secrets: Secrets): string[] => {
  const ends = new Map<string, { rev: number; leaf: string }>()
  return events.flatMap((event) => {
    const { a, sig } = event.envelope
    const end = ends.get(a.stream) ?? { rev: -1, leaf: zeroHash }
    const leaf = leafHash(a)
    ends.set(a.stream, { rev: a.rev, leaf })
    const key = secrets.signing.get(a.kid)
    const checks = [
      [a.rev === end.rev + 1, 'is not the next revision'],
      [a.prev === end.leaf, 'does not name the event before it'],
      [dataIsIntact(event), 'has data that do not fit their hash'],
      [
        key !== undefined && verifyLeaf(leaf, sig, publicKeyOf(key.publicKey)),
        'has a wrong signature',
      ],
    ] as const
    return checks.filter(([holds]) => !holds).map(([, what]) => `${a.stream}@${a.rev} ${what}`)
  })
}

/** The sequence numbers of a device's heartbeats in the order of the log, repeats left out. */
const firstSeqs = (entries: readonly Entry[]): ReadonlyMap<string, readonly number[]> => {
  const seen = new Map<string, Set<number>>()
  for (const { k, d, seq } of entries) {
    if (k !== 'heartbeat' || seq === undefined) continue
    const seqs = seen.get(d) ?? new Set()
    seen.set(d, seqs.add(seq))
  }
  return new Map([...seen].map(([device, seqs]) => [device, [...seqs]]))
}

export type Checked = {
  readonly faults: readonly string[]
  readonly heartbeats: number
  readonly stored: number
  /** The highest stored sequence number of each device, which its row must show. */
  readonly newest: ReadonlyMap<string, number>
}

/** Every acknowledged heartbeat in the log, and each device's in the order in which it sent them. */
export const heartbeatFaults = (entries: readonly Entry[], acknowledged: Acknowledged): Checked => {
  const stored = firstSeqs(entries)
  const faults: string[] = []
  let heartbeats = 0
  for (const [device, acked] of acknowledged.heartbeats) {
    const seqs = stored.get(device) ?? []
    const known = new Set(seqs)
    heartbeats += acked.size
    const lost = [...acked].filter((seq) => !known.has(seq))
    if (lost.length > 0)
      faults.push(
        `${device}: ${lost.length} acknowledged heartbeats are not in the log (${lost.slice(0, 5)})`,
      )
    const turned = seqs.findIndex((seq, i) => i > 0 && seq < (seqs[i - 1] ?? 0))
    if (turned >= 0) faults.push(`${device}: ${seqs[turned - 1]} is stored before ${seqs[turned]}`)
  }
  const newest = new Map([...stored].map(([device, seqs]) => [device, Math.max(...seqs)]))
  return { faults, heartbeats, stored: entries.length, newest }
}

/** Every acknowledged command made its events exactly once: one append under its key. */
export const commandFaults = (
  events: readonly RecordedEvent[],
  acknowledged: Acknowledged,
  secrets: Secrets,
): string[] => {
  const appends = new Map<string, Set<string>>()
  for (const { stream, envelope } of events)
    if (envelope.idem !== undefined) {
      const key = `${stream} ${envelope.idem}`
      appends.set(key, (appends.get(key) ?? new Set()).add(envelope.a.request_id ?? ''))
    }
  return [...acknowledged.commands].flatMap(([key, device]) => {
    const found = [...appends].filter(
      ([name]) => name.includes(`.device-${device} `) && name.endsWith(idemIn(name, key, secrets)),
    )
    const requests = found.reduce((sum, [, ids]) => sum + ids.size, 0)
    if (requests === 1) return []
    return [`${device}: the acknowledged command ${key} stands ${requests} times in the log`]
  })
}

const idemIn = (name: string, key: string, secrets: Secrets): string => {
  const project = name.slice(0, name.indexOf('.')) as ProjectId
  return idemOf(projectKey(secrets, project), key)
}

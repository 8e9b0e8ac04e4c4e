import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { z } from 'zod'
import {
  dataHash,
  envelopeSchema,
  leafHash,
  publicKeyOf,
  verifyLeaf,
  zeroHash,
} from '../../protocol/envelope.ts'
import {
  lifecycleEvents,
  parseLifecycleEvent,
  type StreamKind,
  UnknownEvent,
} from '../../protocol/events/lifecycle.ts'
import { jcs, signableJcs } from '../../protocol/jcs.ts'
import {
  closeReasons,
  ingestCommittedSchema,
  nodeAliveSchema,
  nodeLostSchema,
  observationTypes,
  sessionsChangedSchema,
} from '../../protocol/observations.ts'
import { open } from '../../src/store/seal.ts'
import { type EventVector, eventVectors, type Keys, vector } from './vectors.ts'

const test = suite('stored events')

const keys = vector<Keys>('keys')
const all = eventVectors()
const isKind = (kind: string): kind is StreamKind => Object.hasOwn(lifecycleEvents, kind)
const kindOf = ({ name }: EventVector): string => name.split('.')[0] ?? ''
const lifecycle = all.flatMap((v) => {
  const [kind, data] = [kindOf(v), v.stored.data]
  return isKind(kind) && data ? [{ ...v, kind, stored: { ...v.stored, data } }] : []
})
const observed = all.filter((v) => v.stored.utf8 !== undefined)

const observations: Readonly<Record<(typeof observationTypes)[number], z.ZodType>> = {
  IngestCommitted: ingestCommittedSchema,
  SessionsChanged: sessionsChangedSchema,
  NodeAlive: nodeAliveSchema,
  NodeLost: nodeLostSchema,
}
const isObservation = (type: string): type is keyof typeof observations =>
  Object.hasOwn(observations, type)

test('every type that is stored has a vector, and every vector a type', () => {
  const types = Object.entries(lifecycleEvents).flatMap(([kind, events]) =>
    Object.keys(events).map((type) => `${kind}.${type}`),
  )
  const known = new Set(lifecycle.map(({ kind, type }) => `${kind}.${type}`))
  assert.equal([...known].sort(), types.sort())
  assert.equal([...new Set(observed.map(({ type }) => type))].sort(), [...observationTypes].sort())
  assert.is(lifecycle.length + observed.length, all.length)
})

for (const { name, kind, type, stored, parsed, stream, revision, leaf, opened } of lifecycle) {
  const { salt, ...data } = stored.data

  test(`${name} is read, and written again, as it was`, () => {
    const event = parseLifecycleEvent(kind, type, data)
    assert.equal(event, parsed)
    assert.is(jcs({ ...event.data, salt }), jcs(stored.data))
    assert.is(signableJcs(event.data), signableJcs(parsed.data))
  })

  test(`${name} has the hash, the leaf and the signature of its envelope`, () => {
    const envelope = envelopeSchema.parse(stored.metadata)
    const { a, sig } = envelope
    assert.equal([a.stream, a.rev, a.type], [stream, revision, type])
    assert.is(dataHash(salt, data), a.dh)
    assert.is(leafHash(a), leaf)
    assert.is(a.kid, keys.signing.kid)
    assert.ok(
      verifyLeaf(leafHash(a), sig, publicKeyOf(Buffer.from(keys.signing.public_key, 'base64'))),
    )
  })

  test(`${name} with a member that is not its own, or without one of its own, is no event`, () => {
    const wrong = [
      { ...data, stranger: 1 },
      ...Object.keys(data).map((member) => ({ ...data, [member]: { wrong: true } })),
    ]
    for (const form of wrong)
      assert.throws(
        () => parseLifecycleEvent(kind, type, form),
        (e: unknown) => e instanceof UnknownEvent,
      )
  })

  if (opened)
    test(`${name} opens under the key of its subject`, () => {
      assert.equal(open(stored.data.sealed ?? '', Buffer.from(keys.subject_key, 'hex')), opened)
      assert.is(open(stored.data.sealed ?? '', new Uint8Array(32)), undefined)
    })
}

test('the events of each stream are a chain', () => {
  const streams = Map.groupBy(lifecycle, ({ stream }) => stream)
  assert.ok(streams.size >= 6)
  for (const events of streams.values()) {
    let prev = zeroHash
    for (const [rev, event] of events.sort((x, y) => x.revision - y.revision).entries()) {
      const { a } = envelopeSchema.parse(event.stored.metadata)
      assert.equal([a.rev, a.prev], [rev, prev], event.name)
      prev = leafHash(a)
    }
  }
})

for (const { name, type, stored, parsed } of observed)
  test(`${name} is read, and written again, as it was`, () => {
    assert.ok(isObservation(type))
    const data: unknown = JSON.parse(stored.utf8 ?? '')
    const read = observations[type].parse(data)
    assert.equal(read, parsed.data)
    assert.is(jcs(read), jcs(data))
  })

test('a type of another stream, or of none, is unknown', () => {
  const { data } = lifecycle[0]?.stored ?? { data: {} }
  for (const [kind, type] of [
    ['enduser', 'DeviceBound'],
    ['device', 'EndUserErased'],
    ['device', 'toString'],
    ['device', '__proto__'],
    ['device', 'deviceBound'],
    ['device', ''],
  ] as const)
    assert.throws(
      () => parseLifecycleEvent(kind, type, data),
      (e: unknown) => e instanceof UnknownEvent,
    )
})

test('an observation of an unknown form is not read as another', () => {
  const [commit] = observed.filter(({ type }) => type === 'IngestCommitted')
  const { v, entries }: { v: number; entries: object[] } = JSON.parse(commit?.stored.utf8 ?? '')
  const refused = [
    { v: 2, entries },
    { v },
    { v, entries: [{ ...entries[0], k: 'carried' }] },
    { v, entries: [{ ...entries[0], d: 'dev_1' }] },
    { v, entries: [{ ...entries[0], seq: 2 ** 53 }] },
    { v, entries: [{ ...entries[0], rx: '2026-11-22T10:00:00Z' }] },
  ]
  for (const form of refused) assert.not.ok(ingestCommittedSchema.safeParse(form).success)
})

test('what a person wrote has no place in an observation but sealed', () => {
  const [commit] = observed.filter(({ type }) => type === 'IngestCommitted')
  const { entries }: { entries: { data: object }[] } = JSON.parse(commit?.stored.utf8 ?? '')
  const [first] = entries
  const named = { ...first, data: { ...first?.data, device_name: 'Anna' } }
  const read = ingestCommittedSchema.parse({ v: 1, entries: [named] })
  assert.not.ok(JSON.stringify(read).includes('Anna'))
})

test('the reasons for which sessions end are these and stay', () => {
  for (const reason of ['disconnected', 'revoked', 'taken_over', 'node_stopping'] as const)
    assert.ok(closeReasons.includes(reason))
})

test.run()

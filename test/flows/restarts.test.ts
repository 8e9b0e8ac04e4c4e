import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Followed } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { lifecyclePrefixes } from '../../src/store/streams.ts'
import { startUnderFire } from '../chaos/node-under-fire.ts'
import { checkDescribed } from '../support/described.ts'
import { until } from '../support/until.ts'

const test = suite('databases that end in the middle of writes')
const node = await startUnderFire()
const { key } = await node.cli<{ key: string }>('keys', 'create', '--mode', 'test')

// `LAPEL_TEST_WRITES=1000` for a longer run.
const writesAtOnce = Number(process.env['LAPEL_TEST_WRITES'] ?? 300)
const doneBefore = Math.round(writesAtOnce / 10)

type Write = { readonly path: string; readonly body: object; readonly key: string }
type Ended = { readonly status: number; readonly id: string | undefined }

const send = async ({ path, body, key: idempotencyKey }: Write): Promise<Ended> => {
  const response = await fetch(node.http + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'idempotency-key': idempotencyKey,
    },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  const { status, headers } = response
  checkDescribed({ method: 'POST', path, status, headers, text })
  return { status, id: JSON.parse(text).id }
}

const writesOf = (round: string, count: number): readonly Write[] =>
  Array.from({ length: count }, (_, i) => {
    const name = `${round}-${i}`
    return i % 2 === 0
      ? { path: '/v1/end-users', body: { external_id: name, name: 'Ada' }, key: name }
      : { path: '/v1/devices', body: { serial_number: name, model: 'bota_pin' }, key: name }
  })

const begun = (item: Followed): string | undefined =>
  item.kind === 'event' && /^(EndUserCreated|DeviceRegistered)$/.test(item.event.type)
    ? item.event.stream.split('-').at(-1)
    : undefined

/** How often each stream of the log was begun. */
const beginnings = async (): Promise<ReadonlyMap<string, number>> => {
  const store = connectEventStore((await node.nodeFile()).eventstore_url)
  const counts = new Map<string, number>()
  const subscription = store.subscribe({ prefixes: lifecyclePrefixes, from: 'start' })
  for await (const items of subscription) {
    for (const id of items.map(begun).filter((one) => one !== undefined))
      counts.set(id, (counts.get(id) ?? 0) + 1)
    if (items.some(({ kind }) => kind === 'caught-up')) break
  }
  await subscription.close()
  await store.close()
  return counts
}

/** Until it is carried out: whoever got a 5xx sends the very same again. */
const repeated = (write: Write): Promise<Ended> =>
  until(
    async () => {
      const ended = await send(write)
      if (ended.status < 300) return ended
      assert.is(ended.status, 503, JSON.stringify(ended))
      return undefined
    },
    { msMax: 60_000, what: `a 2xx for ${write.key}` },
  )

for (const victim of ['postgres', 'event store'] as const)
  test(`${victim}: a 2xx is in the log once, and a 5xx that is repeated ends in one event`, async () => {
    const writes = writesOf(victim.replace(' ', '-'), writesAtOnce)
    const before = await beginnings()
    let done = 0
    const killed = until(() => done >= doneBefore, { msMax: 60_000, what: 'writes' }).then(() =>
      node.kill(victim),
    )
    const ended = async (write: Write) => {
      const reply = await send(write)
      if (reply.status < 300) done += 1
      return { write, ended: reply }
    }
    // Half of them are under way when it ends, half come when it has ended.
    const half = writes.length / 2
    const first = (
      await Promise.all([
        ...writes.slice(0, half).map(ended),
        ...writes.slice(half).map((write) => killed.then(() => ended(write))),
      ])
    ).flat()
    const good = first.filter(({ ended }) => ended.status < 300)
    const failed = first.filter(({ ended }) => ended.status >= 300)
    assert.ok(good.length >= doneBefore, `${good.length} were carried out`)
    assert.ok(failed.length > 0, 'none met the end of the database')
    assert.ok(failed.every(({ ended }) => ended.status === 503))
    const later = await Promise.all(failed.map(({ write }) => repeated(write)))
    const again = await Promise.all(good.map(({ write }) => repeated(write)))
    assert.equal(
      again.map(({ id }) => id),
      good.map(({ ended }) => ended.id),
      'a repeat names what the first made',
    )
    const ids = [...good.map(({ ended }) => ended), ...later].map(({ id }) => id ?? '')
    assert.is(new Set(ids).size, writes.length)
    const after = await beginnings()
    for (const id of ids) assert.is(after.get(id), 1, id)
    assert.is(after.size - before.size, writes.length)
    process.stdout.write(`${victim}: ${good.length} at once, ${failed.length} repeated\n`)
    await until(node.isReady, { msMax: 60_000, what: 'a node that is well again' })
  })

test.after(node.stop)
test.run()

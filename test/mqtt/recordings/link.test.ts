import { randomBytes } from 'node:crypto'
import type { Client } from 'aedes'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId } from '../../../protocol/ids.ts'
import { instantOf } from '../../../protocol/instant.ts'
import { grantsPerMessageMax } from '../../../protocol/limits.ts'
import type { Session } from '../../../src/auth/ports.ts'
import { Connection } from '../../../src/mqtt/connection.ts'
import { Ticks } from '../../../src/mqtt/held-back.ts'
import { RecordingLink } from '../../../src/mqtt/recordings/link.ts'
import type { ObjectGrants } from '../../../src/mqtt/recordings/ports.ts'
import type { RecordingView } from '../../../src/mqtt/recordings/view.ts'
import { TokenBucket } from '../../../src/mqtt/token-bucket.ts'
import type { Turn } from '../../../src/mqtt/turns.ts'
import { StoreUnavailable } from '../../../src/store/event-store.ts'
import { keepLog } from '../../support/keep-log.ts'
import { until } from '../../support/until.ts'

const test = suite('what one session hears of a recording')

/** A session whose socket takes everything, which `heard` is told. */
const connection = (heard: (packet: Buffer) => void): Connection => {
  const write = (packet: Buffer): boolean => {
    heard(packet)
    return true
  }
  const client = { closed: false, conn: { writableLength: 0, write } }
  const principal = {
    project: newId('proj_', randomBytes),
    deviceId: newId('dev_', randomBytes),
    tokenId: 'abcdefghijkl',
  }
  const unlimited = new TokenBucket(() => 0, { burst: () => 0, nowMs: 0 })
  const rates = {
    ofDevice: unlimited,
    ofProject: unlimited,
    rejectsPerMinute: 0,
    ticks: new Ticks(() => 0),
  }
  return new Connection(client as unknown as Client, { principal } as unknown as Session, rates)
}

const newLink = (
  presignPut: ObjectGrants['presignPut'] = () => {
    throw new Error('nothing is granted here')
  },
  turn: Turn = async () => {},
  by: Connection = connection(() => {}),
): RecordingLink => {
  const recordingId = newId('rec_', randomBytes)
  const deps = {
    objects: { isUp: () => true, onUp: () => {}, presignPut },
    turn,
    now: Date.now,
    log: keepLog().log,
    meter: { count: () => {}, observe: () => {} },
  }
  return new RecordingLink(deps, by, { recordingId, spelled: recordingId })
}

const microtasks = async (count: number): Promise<void> => {
  for (let at = 0; at < count; at += 1) await undefined
}

test('whatever comes in while a turn ends is told all the same', async () => {
  for (let later = 0; later < 30; later += 1) {
    const link = newLink()
    let told = 0
    const read = async () => {
      told += 1
      return undefined
    }
    link.tell(read)
    await microtasks(later)
    const before = told
    link.tell(read)
    await microtasks(30)
    assert.ok(told > before, `${later} microtasks after the first`)
  }
})

test('what cannot be read is read again', async () => {
  const link = newLink()
  let reads = 0
  link.tell(async () => {
    reads += 1
    if (reads === 1) throw new StoreUnavailable('down')
    return undefined
  })
  await until(() => reads === 2, { what: 'another read' })
})

/** A recording of which chunks are awaited. */
const awaiting = (indices: readonly number[]): RecordingView => {
  const awaited = indices.map((index) => ({ index, bytes: 1, sha256: '00'.repeat(32), attempt: 0 }))
  return {
    watermark: {
      recording_id: newId('rec_', randomBytes),
      stored_up_to: 0,
      missing: [],
      complete: false,
      status: 'recording',
    },
    isClosed: false,
    awaited,
    chunk: (wanted) => awaited.find(({ index }) => index === wanted),
  }
}

test('what nobody asked for waits its turn, and what is asked for meanwhile goes first', async () => {
  const granted: number[] = []
  const turns: (() => void)[] = []
  const link = newLink(
    (key) => {
      granted.push(Number(key.split('/')[2]))
      const expiresAt = instantOf(0)
      return { method: 'PUT', url: 'http://x/', headers: {}, expiresAt }
    },
    () => new Promise((resolve) => turns.push(resolve)),
  )
  const others = Array.from({ length: 2 * grantsPerMessageMax }, (_, at) => at + 1)
  link.tell(async () => awaiting(others))
  await until(() => turns.length === 1, { what: 'a turn that is awaited' })
  assert.equal(granted, [])

  link.want([100])
  link.tell(async () => awaiting([...others, 100]))
  turns.shift()?.()
  await until(() => granted.length > 0, { what: 'the grant that was asked for' })
  assert.equal(granted, [100])

  for (const upTo of [grantsPerMessageMax, 2 * grantsPerMessageMax]) {
    await until(() => turns.length === 1, { what: 'another turn' })
    turns.shift()?.()
    await until(() => granted.length > upTo, { what: 'a message of grants' })
    assert.equal(granted, [100, ...others.slice(0, upTo)])
  }
})

test('a chunk costs its device a grant and a watermark, and no word that says nothing', async () => {
  const words: string[] = []
  const by = connection((packet) => {
    words.push(packet.includes('/grants') ? 'grants' : 'watermark')
  })
  by.subscribed = 'me'
  const expiresAt = instantOf(0)
  const presignPut = () => ({ method: 'PUT', url: 'http://x/', headers: {}, expiresAt }) as const
  const link = newLink(presignPut, undefined, by)
  const hears = async (storedUpTo: number, missing: readonly number[], announced = missing) => {
    const view = awaiting(announced)
    const gaps = missing.map((index): [number, number] => [index, index])
    const watermark = { ...view.watermark, stored_up_to: storedUpTo, missing: gaps }
    link.tell(async () => ({ ...view, watermark }))
    await microtasks(30)
    return words.splice(0)
  }
  link.owe()
  assert.equal(await hears(0, []), ['watermark'])
  for (const index of [1, 2]) {
    link.want([index])
    assert.equal(await hears(index - 1, [index]), ['grants'])
    // The log tells what the device was answered already.
    assert.equal(await hears(index - 1, [index]), [])
    assert.equal(await hears(index, []), ['watermark'])
  }
  // Said again, though it is stored.
  link.want([2])
  assert.equal(await hears(2, []), ['watermark'])
  // An end that is told together with chunks: what is missing up to it stands in no grant.
  link.owe()
  link.want([3])
  assert.equal(await hears(2, [3, 5], [3]), ['watermark', 'grants'])
  link.beginAnew()
  assert.equal(await hears(2, [3, 5], [3]), ['watermark', 'grants'])
})

test.run()

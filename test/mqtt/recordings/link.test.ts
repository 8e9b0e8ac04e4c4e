import { randomBytes } from 'node:crypto'
import type { Client } from 'aedes'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId } from '../../../protocol/ids.ts'
import type { Session } from '../../../src/auth/ports.ts'
import { Connection } from '../../../src/mqtt/connection.ts'
import { RecordingLink } from '../../../src/mqtt/recordings/link.ts'
import { TokenBucket } from '../../../src/mqtt/token-bucket.ts'
import { StoreUnavailable } from '../../../src/store/event-store.ts'
import { keepLog } from '../../support/keep-log.ts'
import { until } from '../../support/until.ts'

const test = suite('what one session hears of a recording')

/** A session whose socket takes everything. */
const connection = (): Connection => {
  const client = { closed: false, conn: { writableLength: 0 } }
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
    monotonic: () => 0,
  }
  return new Connection(client as unknown as Client, { principal } as unknown as Session, rates)
}

const newLink = (): RecordingLink => {
  const recordingId = newId('rec_', randomBytes)
  const deps = {
    objects: {
      isUp: () => true,
      onUp: () => {},
      presignPut: () => {
        throw new Error('nothing is granted here')
      },
    },
    now: Date.now,
    log: keepLog().log,
    meter: { count: () => {}, observe: () => {} },
  }
  return new RecordingLink(deps, connection(), { recordingId, spelled: recordingId })
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

test.run()

import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId, newNodeId, newSessionId, type ProjectId } from '../../protocol/ids.ts'
import type { SessionEntry } from '../../protocol/observations.ts'
import { mintToken } from '../../protocol/tokens.ts'
import { createSessionLog } from '../../src/auth/session-log.ts'
import type { LocalSession } from '../../src/auth/session-table.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import type { CommitError } from '../../src/store/group-commit.ts'
import { sessionStream } from '../../src/store/streams.ts'
import { startEventStore } from '../support/event-store.ts'
import { keepLog } from '../support/keep-log.ts'

const test = suite('the log of sessions')
const server = await startEventStore()
const store = connectEventStore(server.url)
const project = newId('proj_', randomBytes) as ProjectId
const noon = Date.UTC(2026, 0, 1, 12)

const session = (): LocalSession => ({
  id: newSessionId(randomBytes),
  deviceId: newId('dev_', randomBytes),
  kick: () => {},
  truth: {
    kind: 'token',
    tokenId: mintToken('dtok', randomBytes).id as never,
    project,
    deviceId: newId('dev_', randomBytes),
    binding: null,
    secret: { hmac: '', pepperKid: '' },
    state: 'live',
    validUntil: null,
  },
  asOf: 0n,
  order: Number.POSITIVE_INFINITY,
  epoch: undefined,
  overtakenAt: 0n,
  ended: undefined,
})

const setUp = () => {
  const node = newNodeId(randomBytes)
  const log = createSessionLog({
    store,
    node,
    mayAppend: () => true,
    onFenced: () => {},
    now: () => noon,
    monotonic: () => performance.now(),
    random: randomBytes,
    log: keepLog().log,
  })
  const stored = async (of = node) =>
    (await store.readStream(sessionStream(of, noon))).map(
      ({ data }) => (data as { entries: readonly SessionEntry[] }).entries,
    )
  return { log, stored }
}

test('what comes one by one within a moment stands in one commit, in its order', async () => {
  const { log, stored } = setUp()
  const sessions = Array.from({ length: 100 }, session)
  const opened: (string | undefined)[] = []
  for (const one of sessions) {
    log.opened(one, (error) => opened.push(error))
    log.closed(one, 'disconnected')
    await turn()
  }
  await log.idle()
  assert.equal(opened, Array.from({ length: 100 }).fill(undefined))
  const commits = await stored()
  // Of 200 entries, of which each had a turn of the loop to itself.
  assert.ok(commits.length < 100, `${commits.length} commits`)
  assert.equal(
    commits.flat().map(({ k, s }) => [k, s]),
    sessions.flatMap(({ id }) => [
      ['opened', id],
      ['closed', id],
    ]),
  )
})

test('what waits when its incarnation is over is not written in the name of the next', async () => {
  const { log, stored } = setUp()
  const next = newNodeId(randomBytes)
  const [first, waiting, later] = [session(), session(), session()]
  const outcomes: (CommitError | undefined)[] = []
  log.opened(first, (error) => outcomes.push(error))
  log.opened(waiting, (error) => outcomes.push(error))
  log.reset(next)
  assert.equal(outcomes, ['fenced', 'fenced'])
  log.opened(later, (error) => outcomes.push(error))
  await log.idle()
  assert.equal(outcomes, ['fenced', 'fenced', undefined])
  assert.equal(
    (await stored(next)).flat().map(({ s }) => s),
    [later.id],
  )
})

test.after(async () => {
  await store.close()
  await server.stop()
})

test.run()

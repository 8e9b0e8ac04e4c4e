import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TokenId } from '../../protocol/ids.ts'
import { mqttRestingCallersMax, mqttRestMs } from '../../protocol/limits.ts'
import { mintToken } from '../../protocol/tokens.ts'
import type { ConnectPacket } from '../../src/mqtt/connect-packet.ts'
import { createSignIns } from '../../src/mqtt/on-connect.ts'
import type { BrokerDeps } from '../../src/mqtt/ports.ts'
import { Rests } from '../../src/mqtt/rests.ts'
import { until } from '../support/until.ts'

const test = suite('the rest of whoever was cut for its rate')
const [over, honest] = [mintToken('dtok', randomBytes), mintToken('dtok', randomBytes)]

test('it lasts so long and no longer, for that token alone', () => {
  let nowMs = 0
  const rests = new Rests(() => nowMs)
  const left = ({ id }: typeof over) => rests.leftMs(id as TokenId)
  assert.is(left(over), 0)
  rests.begin(over.id as TokenId)
  assert.equal([left(over), left(honest)], [mqttRestMs, 0])
  nowMs = mqttRestMs - 1
  assert.is(left(over), 1)
  nowMs = mqttRestMs
  assert.is(left(over), 0)
})

test('its CONNECT is refused at the end of the rest, that of one too many at once, and none is looked up', async () => {
  let nowMs = 0
  const rests = new Rests(() => nowMs)
  rests.begin(over.id as TokenId)
  nowMs = mqttRestMs - 500
  const lookedUp: string[] = []
  const openSession = async (text: string) => {
    lookedUp.push(text)
    return { kind: 'not-now' }
  }
  const deps = { auth: { openSession } } as unknown as BrokerDeps
  const { arrive, mayArrive } = createSignIns(deps, rests, () => () => {})
  const codes: number[] = []
  const come = ({ text }: typeof over) =>
    arrive({
      conn: new PassThrough(),
      remote: '',
      packet: { password: text } as ConnectPacket,
      rest: Buffer.alloc(0),
      refuse: (code) => void codes.push(code),
    })
  for (let i = 0; i < mqttRestingCallersMax; i += 1) come(over)
  await Promise.resolve()
  assert.equal(codes, [])
  come(over)
  await Promise.resolve()
  assert.equal(codes, [3])
  assert.ok(mayArrive())
  come(honest)
  await until(() => codes.length === 2, { what: 'the answer to one who does not rest' })
  await until(() => codes.length === mqttRestingCallersMax + 2, { what: 'every answer' })
  assert.ok(codes.every((code) => code === 3))
  assert.equal(lookedUp, [honest.text])
})

test.run()

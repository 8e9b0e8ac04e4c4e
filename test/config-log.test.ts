import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mintToken, tokenPrefixes } from '../protocol/tokens.ts'
import { createLog, redact } from '../src/config-log.ts'

const test = suite('config-log')

const keep = (isTTY = false) => {
  const lines: string[] = []
  return { lines, destination: { isTTY, write: (line: string) => lines.push(line) } }
}

test('a JSON object a line: level, time, fields, message', () => {
  const { lines, destination } = keep()
  createLog('info', destination).warn({ device: 'dev_1' }, 'odd')
  const line = JSON.parse(lines.join(''))
  assert.match(line.time, /^\d{4}-\d\d-\d\dT.*Z$/)
  assert.equal({ ...line, time: '' }, { level: 'warn', time: '', device: 'dev_1', msg: 'odd' })
  assert.ok(lines.every((text) => text.endsWith('\n')))
})

test('the level holds back what is below it', () => {
  for (const [level, count] of [
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    ['silent', 0],
  ] as const) {
    const { lines, destination } = keep()
    const log = createLog(level, destination)
    for (const name of ['debug', 'info', 'warn', 'error'] as const) log[name]({}, name)
    assert.is(lines.length, count, level)
  }
})

test('pretty on a terminal', () => {
  const { lines, destination } = keep(true)
  createLog('info', destination).info({ port: 1 }, 'runs')
  assert.throws(() => JSON.parse(lines.join('')))
  assert.match(lines.join(''), /INFO.*runs/s)
})

for (const prefix of tokenPrefixes)
  for (const isTTY of [false, true])
    test(`a ${prefix} token is never printed, wherever it stands${isTTY ? ', pretty' : ''}`, () => {
      const token = mintToken(prefix, (count) => randomBytes(count))
      const secret = token.text.slice(prefix.length + 1 + 12)
      const { lines, destination } = keep(isTTY)
      const log = createLog('debug', destination)
      log.info({ token: token.text }, 'a field')
      log.error({ [token.text]: 1 }, 'a name')
      log.info({}, `in the message ${token.text}.`)
      log.warn({ deep: [{ headers: { authorization: `Bearer ${token.text}` } }] }, 'deep')
      log.error({ error: new Error(`refused ${token.text}`, { cause: token.text }) }, 'an error')
      log.debug({ body: JSON.stringify({ device_token: token.text }) }, 'JSON in JSON')
      log.info({ cut: token.text.slice(0, -1), long: `${token.text}X` }, 'mistyped')
      const printed = lines.join('')
      assert.not.match(printed, secret.slice(0, 20))
      const shown = printed.split(`${prefix}_${token.id}…`).length - 1
      assert.ok(shown >= 8, `${shown}`)
    })

test('other secrets', () => {
  const up = `up_${'eyJyIjoi'.repeat(4)}.${'a-_Z'.repeat(10)}`
  assert.is(redact(`PUT /v1/uploads/${up} done`), 'PUT /v1/uploads/up_… done')
  assert.is(redact(`whsec_${'aB3+'.repeat(12)} x`), 'whsec_aB3+aB3+aB3+… x')
  assert.is(redact('postgres://lapel:pass@h/db'), 'postgres://lapel:***@h/db')
  assert.is(redact('{"a":"authorization: Bearer abc.def"}'), '{"a":"authorization: Bearer ***"}')
  assert.is(
    redact('-----BEGIN PRIVATE KEY-----\\nMC4C\\n-----END PRIVATE KEY-----'),
    '[private key]',
  )
})

test('what is no secret stays', () => {
  const text = `dtok_0123456789ab dev_01 group_members_of_the_project_x set_up_a_device_for_the_test http://h:80/a@b proj_ABC`
  assert.is(redact(text), text)
})

test.run()

import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { proxyHeaderBytesMax } from '../../protocol/limits.ts'
import { parseProxyHeader } from '../../src/mqtt/proxy-header.ts'
import { proxyHeader } from '../support/proxy-header.ts'

const test = suite('PROXY protocol v2')
const v4 = Buffer.from([192, 0, 2, 7, 10, 0, 0, 1, 0, 80, 4, 95])
const v6 = Buffer.from(`20010db8${'0'.repeat(23)}1${'0'.repeat(32)}0050045f`, 'hex')

test('an IPv4 and an IPv6 sender, with and without more behind the addresses', () => {
  const more = Buffer.from([4, 0, 1, 0])
  for (const extra of [Buffer.alloc(0), more]) {
    const four = proxyHeader({ family: 0x11, rest: Buffer.concat([v4, extra]) })
    assert.equal(parseProxyHeader(Buffer.concat([four, Buffer.from('MQTT')])), {
      kind: 'header',
      bytes: four.length,
      remote: '192.0.2.7',
    })
    const six = proxyHeader({ family: 0x21, rest: Buffer.concat([v6, extra]) })
    assert.equal(parseProxyHeader(six), {
      kind: 'header',
      bytes: six.length,
      remote: '2001:db8:0:0:0:0:0:1',
    })
  }
})

test('a health check of the balancer itself names nobody', () => {
  const local = proxyHeader({ command: 0x20, family: 0, rest: Buffer.alloc(0) })
  assert.equal(parseProxyHeader(local), { kind: 'header', bytes: 16, remote: undefined })
})

test('any part of one is incomplete', () => {
  const whole = proxyHeader({ family: 0x11, rest: v4 })
  for (let length = 0; length < whole.length; length += 1)
    assert.is(parseProxyHeader(whole.subarray(0, length)).kind, 'incomplete')
})

test('at the limit it is read, past it refused by its declared length', () => {
  const of = (bytes: number) =>
    proxyHeader({ family: 0x11, rest: Buffer.concat([v4, Buffer.alloc(bytes - 16 - v4.length)]) })
  assert.is(parseProxyHeader(of(proxyHeaderBytesMax)).kind, 'header')
  assert.is(parseProxyHeader(of(proxyHeaderBytesMax + 1).subarray(0, 16)).kind, 'malformed')
})

test('what is none is refused at its first wrong byte', () => {
  assert.is(parseProxyHeader(Buffer.from([0x10])).kind, 'malformed')
  assert.is(parseProxyHeader(Buffer.from('PROXY TCP4 1.2.3.4')).kind, 'malformed')
  assert.is(
    parseProxyHeader(proxyHeader({ command: 0x11, family: 0x11, rest: v4 })).kind,
    'malformed',
  )
  assert.is(parseProxyHeader(proxyHeader({ family: 0x12, rest: v4 })).kind, 'malformed')
  assert.is(parseProxyHeader(proxyHeader({ family: 0x11, rest: v4.subarray(1) })).kind, 'malformed')
})

test('no bytes make it throw', () => {
  const bytes = fc.uint8Array({ maxLength: 60 })
  fc.assert(
    fc.property(bytes, fc.nat(255), (rest, family) => {
      parseProxyHeader(proxyHeader({ family, rest: Buffer.from(rest) }))
      parseProxyHeader(Buffer.from(rest))
    }),
  )
})

test.run()

import { suite } from 'uvu'
import {
  metadataKeyCharsMax,
  metadataKeysMax,
  metadataValueCharsMax,
} from '../../protocol/limits.ts'
import { metadataSchema } from '../../protocol/metadata.ts'
import { createDeviceBody, createEndUserBody, updateDeviceBody } from '../../protocol/requests.ts'
import { refuses, takes } from './judging.ts'

const test = suite('metadata')

const device = { serial_number: 'SN-1', model: 'bota_pin' }

test('metadata: members, names and values at their limits and one past them', () => {
  const members = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))
  takes(metadataSchema, {})
  takes(metadataSchema, members(metadataKeysMax))
  refuses(createDeviceBody, { ...device, metadata: members(metadataKeysMax + 1) }, 'metadata')
  takes(metadataSchema, {
    ['k'.repeat(metadataKeyCharsMax)]: 'v'.repeat(metadataValueCharsMax),
    b: false,
    n: -1.5,
    e: '',
    l: 'a\nb',
  })
  const long = 'k'.repeat(metadataKeyCharsMax + 1)
  refuses(updateDeviceBody, { metadata: { [long]: 1 } }, `metadata.${long}`)
  refuses(updateDeviceBody, { metadata: { '': 1 } }, 'metadata.')
  for (const value of [
    'v'.repeat(metadataValueCharsMax + 1),
    null,
    {},
    [],
    '\udfff',
    'a\0',
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])
    refuses(updateDeviceBody, { metadata: { ok: 1, bad: value } }, 'metadata.bad')
  for (const metadata of [null, [], 'x', 7]) refuses(createEndUserBody, { metadata }, 'metadata')
})

test.run()

import { createRequire } from 'node:module'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { asyncApiDocument, describedMessages } from '../../protocol/async-api.ts'
import { parseDownTopic, parseUpTopic } from '../../protocol/topics.ts'

const test = suite('AsyncAPI')
const specification = createRequire(import.meta.url)(
  '@asyncapi/specs/schemas/3.1.0-without-$id.json',
)
const document = asyncApiDocument() as {
  readonly channels: Readonly<Record<string, { readonly address: string }>>
  readonly operations: Readonly<Record<string, object>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

const faultsBySpecification = (value: unknown): readonly string[] => {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false })
  const validate = ajv.compile(specification)
  validate(value)
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

test('it is one by the schema of AsyncAPI 3.1 itself', () => {
  assert.equal(faultsBySpecification(document), [])
})

test('which bites', () => {
  assert.ok(faultsBySpecification({ ...document, info: {} }).length > 0)
  assert.ok(faultsBySpecification({ ...document, channels: { a: { address: 1 } } }).length > 0)
})

/** Every `$ref` in it, as the path that it names. */
const referencesIn = (node: unknown): readonly string[] => {
  if (typeof node !== 'object' || node === null) return []
  const own = '$ref' in node && typeof node.$ref === 'string' ? [node.$ref] : []
  return [...own, ...Object.values(node).flatMap(referencesIn)]
}

test('every reference leads somewhere', () => {
  const references = referencesIn(document)
  assert.ok(references.length > 20)
  for (const reference of references) {
    const found = reference
      .slice('#/'.length)
      .split('/')
      .reduce<unknown>((node, name) => Object(node)[name], document)
    assert.ok(found, reference)
  }
})

test('every address is a topic of the contract', () => {
  const addresses = Object.values(document.channels).map(({ address }) => address)
  assert.is(addresses.length, 2 * describedMessages.length)
  for (const address of addresses) {
    const topic = address
      .replace('{device}', 'me')
      .replace('{recording}', '0b5c7f1e-8d4a-4c7e-9f6b-2a1d3e4f5a6b')
    assert.ok(parseDownTopic(topic) ?? parseUpTopic(topic), address)
    assert.is.not(parseUpTopic(topic)?.kind === 'unknown' && !topic.includes('/down/'), true)
  }
})

test('every example is met by its described schema and by the one that validates, and neither takes anything', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  for (const { name, schema, example } of describedMessages) {
    const validate = ajv.compile(document.components.schemas[name] ?? false)
    assert.ok(validate(example), name)
    assert.ok(schema.safeParse(example).success, name)
    const [member = ''] = Object.keys(example)
    const wrong = { ...example, [member]: { no: 'scalar' } }
    assert.not.ok(validate(wrong) || schema.safeParse(wrong).success, name)
  }
})

test.run()

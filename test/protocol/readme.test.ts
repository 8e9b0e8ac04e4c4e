import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { vector } from './vectors.ts'

const test = suite('protocol/README.md')

const folder = new URL('../../protocol/', import.meta.url)
const readme = readFileSync(new URL('README.md', folder), 'utf8')

test('every quoted vector is the vector', () => {
  const quotes = [...readme.matchAll(/`vectors\/([\w./-]+)\.json`:\n\n```json\n([\s\S]*?)\n```/g)]
  assert.is(quotes.length, [...readme.matchAll(/```json/g)].length)
  assert.ok(quotes.length > 0)
  for (const [, name = '', text = ''] of quotes) assert.equal(JSON.parse(text), vector(name), name)
})

test('every file is in the table', async () => {
  const entries = await readdir(folder, { withFileTypes: true })
  for (const entry of entries.filter(({ name }) => name !== 'README.md'))
    assert.ok(readme.includes(`\`${entry.name}${entry.isDirectory() ? '/' : ''}\``), entry.name)
})

test.run()

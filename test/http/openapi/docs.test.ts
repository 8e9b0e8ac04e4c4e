import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { routes } from '../../../src/http/app.ts'
import { html } from '../../../src/http/openapi/html.ts'
import { pageOf, pagePolicy } from '../../../src/http/openapi/page.ts'
import { document } from '../../support/described.ts'

const test = suite('the page at /docs')
const page = pageOf(document)

test('shows every route, and every schema that is linked to', () => {
  for (const { operation } of routes) assert.ok(page.includes(`id="${operation.id}"`), operation.id)
  const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
  assert.ok(links.length > routes.length)
  for (const link of links) assert.ok(ids.has(link), link)
})

test('loads nothing, runs nothing, and its policy lets only its own style in', () => {
  assert.not.match(page, /<script|<img|<link|<iframe|javascript:| style=| on[a-z]+="|https?:\/\//i)
  const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(page) ?? []
  const hash = createHash('sha256').update(style).digest('base64')
  assert.ok(pagePolicy.includes(`style-src 'sha256-${hash}'`))
  assert.ok(pagePolicy.startsWith("default-src 'none'"))
  assert.not.match(pagePolicy, /unsafe/)
})

test('what is put in is escaped', () => {
  const hostile = `<b onclick="x('&')">`
  assert.is(
    html`<p>${hostile}${[1, html`<i>${'<'}</i>`]}</p>`.toString(),
    '<p>&lt;b onclick=&quot;x(&#39;&amp;&#39;)&quot;&gt;1<i>&lt;</i></p>',
  )
})

test.run()

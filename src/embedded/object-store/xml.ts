import { objectStoreXmlDepthMax } from '../../../protocol/limits-embedded.ts'
import { S3Fault } from './faults.ts'

// A handful of small documents goes each way, without attributes, namespaces or markup within text: a library would bring a whole
// language (entities, DTDs) of which all must be refused again.

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
}

const escaped = (text: string): string => text.replace(/[&<>"\r]/g, (char) => escapes[char] ?? '')

/** An element of that text. */
export const leaf = (name: string, text: string | number | boolean): string =>
  `<${name}>${escaped(String(text))}</${name}>`

/** An element of those elements. */
export const branch = (name: string, children: readonly string[]): string =>
  `<${name}>${children.join('')}</${name}>`

export const xmlDocument = (name: string, children: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${children.join('')}</${name}>`

export type Element = {
  readonly name: string
  readonly text: string
  readonly children: readonly Element[]
}

type Growing = { name: string; text: string; children: Growing[] }

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

const entity = (name: string): string => {
  const digits = /^#(\d{1,7}|x[\da-fA-F]{1,6})$/.exec(name)?.[1]
  const point = digits === undefined ? Number.NaN : Number(digits.replace(/^x/, '0x'))
  const char = point <= 0x10ffff ? String.fromCodePoint(point) : entities[name]
  if (char === undefined) throw new S3Fault('MalformedXML')
  return char
}

const unescaped = (text: string): string =>
  text.replace(/&([^;&]*);?/g, (_, name: string) => entity(name))

const token = /<(\/?)([A-Za-z][\w.-]*)(?:\s[^<>]*?)?(\/?)>|([^<]+)/y

/** One tag or one stretch of text, added to the innermost open element. */
const grow = (open: Growing[], found: RegExpExecArray | null): void => {
  const [, slash, name, empty, words] = found ?? []
  const top = open.at(-1)
  if (!top || (name === undefined && words === undefined)) throw new S3Fault('MalformedXML')
  if (words !== undefined) top.text += unescaped(words)
  else if (slash) {
    if (open.pop()?.name !== name) throw new S3Fault('MalformedXML')
  } else {
    const child: Growing = { name: name ?? '', text: '', children: [] }
    top.children.push(child)
    if (!empty) open.push(child)
  }
}

/** The elements of a document. Throws `MalformedXML`, also for DTDs, comments and CDATA, which no client of S3 sends. */
export const parseXml = (source: string): Element => {
  const text = source.replace(/^\uFEFF?\s*<\?xml[^<>]*\?>/, '')
  const root: Growing = { name: '', text: '', children: [] }
  const open = [root]
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    grow(open, token.exec(text))
    if (open.length > objectStoreXmlDepthMax + 1) throw new S3Fault('MalformedXML')
  }
  const [document, second] = root.children
  if (open.length !== 1 || !document || second) throw new S3Fault('MalformedXML')
  return document
}

export const childrenOf = ({ children }: Element, name: string): readonly Element[] =>
  children.filter((child) => child.name === name)

export const textOf = (element: Element, name: string): string | undefined =>
  childrenOf(element, name)[0]?.text

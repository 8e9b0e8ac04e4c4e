import { isIP } from 'node:net'

/** A value, or in words what is wrong with the text. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string }

export type Address = { readonly host: string; readonly port: number }

export const parseText = (text: string): Parsed<string> => ({ value: text })

const hostName = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/

const parsePort = (text: string): number | undefined => {
  const port = Number(text)
  return /^\d{1,5}$/.test(text) && port <= 65_535 ? port : undefined
}

/** `host:port` or `[v6]:port`; port 0 takes any free one. */
export const parseAddress = (text: string): Parsed<Address> => {
  const at = text.lastIndexOf(':')
  if (at < 0) return { problem: 'is not host:port' }
  const port = parsePort(text.slice(at + 1))
  if (port === undefined) return { problem: 'its port is not a number from 0 to 65535' }
  const bracketed = /^\[(.+)\]$/.exec(text.slice(0, at))?.[1]
  if (bracketed !== undefined)
    return isIP(bracketed) === 6
      ? { value: { host: bracketed, port } }
      : { problem: 'has no IPv6 address between its brackets' }
  const host = text.slice(0, at)
  if (host === '') return { problem: 'names no host' }
  if (host.includes(':')) return { problem: 'an IPv6 address needs brackets' }
  if (!hostName.test(host)) return { problem: 'its host is no name and no address' }
  return { value: { host, port } }
}

/** How an address stands in a URL and in messages. */
export const addressText = ({ host, port }: Address): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`

export const parseWhole =
  (min: number, max: number) =>
  (text: string): Parsed<number> => {
    const value = Number(text)
    if (!/^\d{1,15}$/.test(text) || value < min || value > max)
      return { problem: `is not a whole number from ${min} to ${max}` }
    return { value }
  }

export const parseOneOf =
  <const Word extends string>(words: readonly Word[]) =>
  (text: string): Parsed<Word> => {
    const value = words.find((word) => word === text)
    return value === undefined ? { problem: `is not one of ${words.join(', ')}` } : { value }
  }

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)

/** `http://` or `https://`, an origin and perhaps a path; without its last slash. */
export const parseWebUrl = (text: string): Parsed<string> => {
  const url = urlOf(text)
  if (!url || !['http:', 'https:'].includes(url.protocol))
    return { problem: 'is not an http:// or https:// URL' }
  if (url.username !== '' || url.password !== '') return { problem: 'must not hold credentials' }
  if (url.search !== '' || url.hash !== '')
    return { problem: 'must not have a query or a fragment' }
  return { value: url.href.replace(/\/$/, '') }
}

/** `http://` or `https://` and a host: what is signed for S3 begins right after it. */
export const parseOrigin = (text: string): Parsed<string> => {
  const parsed = parseWebUrl(text)
  if ('problem' in parsed || new URL(parsed.value).pathname === '/') return parsed
  return { problem: 'must not have a path' }
}

export const parseBucket = (text: string): Parsed<string> =>
  /^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/.test(text)
    ? { value: text }
    : { problem: 'is not 3 to 63 lower-case letters, digits, dots and hyphens' }

export const parseRegion = (text: string): Parsed<string> =>
  /^[a-z\d-]{1,64}$/.test(text)
    ? { value: text }
    : { problem: 'is not 1 to 64 lower-case letters, digits and hyphens' }

/** A secret that goes through HTTP headers. */
export const parseBearer = (text: string): Parsed<string> =>
  /^[\x21-\x7e]{16,256}$/.test(text)
    ? { value: text }
    : { problem: 'is not 16 to 256 printable ASCII characters without blanks' }

/** What `@eventstore/db-client` takes: one host, a list of them, or a name to discover. */
export const parseEventStoreUrl = (text: string): Parsed<string> => {
  const rest = /^esdb(?:\+discover)?:\/\/(.*)$/.exec(text)?.[1]
  if (rest === undefined) return { problem: 'does not begin with esdb:// or esdb+discover://' }
  const hosts = (rest.split(/[/?]/, 1)[0] ?? '').replace(/^.*@/, '')
  const fits = hosts.split(',').every((host) => /^[^\s:]+(:\d{1,5})?$/.test(host))
  return fits ? { value: text } : { problem: 'names no host, or one that is no host:port' }
}

export const parseDatabaseUrl = (text: string): Parsed<string> => {
  const url = urlOf(text)
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol))
    return { problem: 'is not a postgres:// URL' }
  if (url.hostname === '' && !url.searchParams.has('host')) return { problem: 'names no host' }
  if (url.pathname.length < 2) return { problem: 'names no database' }
  return { value: text }
}

/** A URL without what opens something: its password, and secrets in its query. */
export const maskUrl = (text: string): string =>
  text
    .replace(/^([a-z0-9+.-]+:\/\/[^@/?:]*):[^@]*@/i, '$1:***@')
    .replace(/([?&](?:password|sslpassword|sslkey)=)[^&]*/gi, '$1***')

import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../protocol/vectors/', import.meta.url)

/** A vector file, parsed. */
export const vector = <Shape>(name: string): Shape =>
  JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))

export type Keys = {
  readonly signing: { readonly seed: string; readonly public_key: string; readonly kid: string }
  readonly next_signing: {
    readonly seed: string
    readonly public_key: string
    readonly kid: string
  }
  readonly pepper: { readonly kid: string; readonly key: string }
  readonly subject_key: string
}

export type EventVector = {
  readonly name: string
  readonly stream: string
  readonly revision: number
  readonly type: string
  readonly stored: {
    /** A lifecycle event. */
    readonly data?: { readonly salt: string; readonly sealed?: string }
    /** An observation. */
    readonly utf8?: string
    readonly metadata: unknown
  }
  readonly parsed: { readonly type: string; readonly data: object }
  readonly leaf?: string
  readonly opened?: object
}

/** One of each form of event that was ever stored. */
export const eventVectors = (): readonly EventVector[] =>
  readdirSync(new URL('events/', folder))
    .filter((file) => file.endsWith('.json'))
    .map((file) => {
      const name = file.slice(0, -'.json'.length)
      return { ...vector<Omit<EventVector, 'name'>>(`events/${name}`), name }
    })

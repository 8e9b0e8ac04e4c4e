import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from './faults.ts'
import { parseName } from './key-paths.ts'

/** What a walk looks for, in bytes of keys. `after` (exclusive) may be raised while it goes on. */
export type Walk = { readonly prefix: string; after: string }

export type Found = { readonly keyBytes: string; readonly path: string }

/** Greater than every key that begins so: no key in UTF-8 holds this byte. */
export const pastAll = (prefix: string): string => `${prefix}\xff`

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  })

const mayHold = (folderBytes: string, { prefix, after }: Walk): boolean =>
  (folderBytes.startsWith(prefix) || prefix.startsWith(folderBytes)) &&
  (folderBytes >= after || after.startsWith(folderBytes))

/** The objects below a folder in the order of their keys; folders that hold none of them are not entered. */
export async function* walk(folder: string, base: string, sought: Walk): AsyncGenerator<Found> {
  const children = (await namesIn(folder)).flatMap((name) => {
    const parsed = parseName(name)
    return parsed
      ? [{ kind: parsed.kind, bytes: base + parsed.bytes, path: join(folder, name) }]
      : []
  })
  children.sort((a, b) => (a.bytes < b.bytes ? -1 : 1))
  for (const { kind, bytes, path } of children) {
    if (kind !== 'object') {
      if (mayHold(bytes, sought)) yield* walk(path, bytes, sought)
    } else if (bytes.startsWith(sought.prefix) && bytes > sought.after)
      yield { keyBytes: bytes, path }
  }
}

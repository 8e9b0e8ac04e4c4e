import { statSync } from 'node:fs'
import { objectStoreDescriptionsMax } from '../../../protocol/limits-embedded.ts'
import { createLru } from '../../../protocol/lru.ts'
import type { Described } from './stored-file.ts'

type Known = {
  readonly file: { readonly ino: number; readonly size: number; readonly mtimeMs: number }
  readonly described: Described
}

/**
 * What was written last, at most `objectStoreDescriptionsMax` of it: whoever has put an object is soon asked whether it is there. A look
 * at the entry says that it is that file still; its end, where the description stands, need not be read.
 */
export const createDescriptions = () => {
  const byPath = createLru<string, Known>(objectStoreDescriptionsMax)

  return {
    keep: (path: string, described: Described): void => {
      const file = statSync(path, { throwIfNoEntry: false })
      if (file) byPath.set(path, { file, described })
      else byPath.delete(path)
    },
    find: (path: string): Described | undefined => {
      const known = byPath.get(path)
      if (!known) return undefined
      const file = statSync(path, { throwIfNoEntry: false })
      const { ino, size, mtimeMs } = known.file
      if (file?.ino === ino && file.size === size && file.mtimeMs === mtimeMs)
        return known.described
      byPath.delete(path)
      return undefined
    },
  }
}

import { createLru } from '../../protocol/lru.ts'
import type { RowCache } from './row-batch.ts'

/** The rows that were used last: while one projector leads, nobody else writes them. */
export const createRowCache = (rowsMax: number): RowCache => {
  const rows = createLru<string, object>(rowsMax)
  return {
    get: rows.get,
    put: (id, row) => {
      if (row) rows.set(id, row)
      else rows.delete(id)
    },
    clear: rows.clear,
  }
}

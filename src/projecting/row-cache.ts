import { healthCacheRowsMax } from '../../protocol/limits.ts'
import type { RowCache } from './row-batch.ts'

/** The rows that were written last: while one projector leads, nobody else writes them. */
export const createRowCache = (): RowCache => {
  const rows = new Map<string, object>()
  return {
    get: (id) => rows.get(id),
    put: (id, row) => {
      rows.delete(id)
      if (row) rows.set(id, row)
      const [oldest] = rows.size > healthCacheRowsMax ? rows.keys() : []
      if (oldest !== undefined) rows.delete(oldest)
    },
    clear: () => rows.clear(),
  }
}

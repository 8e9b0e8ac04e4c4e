import type { LogEvent } from './log-event.ts'
import { none, projection, type Touched } from './projection.ts'
import type { LostNodeRow, SessionRow } from './tables.ts'

const touched = (event: LogEvent): Touched => {
  if (event.kind === 'sessions') return { ids: event.entries.map(({ s }) => s) }
  return event.kind === 'node-lost' ? { where: 'node', is: event.node } : none
}

/** Sessions that are open. */
export const sessions = projection<SessionRow>({
  name: 'sessions',
  version: 1,
  key: 'id',
  columns: ['id', 'node', 'project_id', 'device_id', 'token_id', 'opened_at', 'position'],
  touches: touched,
  fold: (row, event, id) => {
    if (event.kind === 'node-lost') return row?.node === event.node ? undefined : row
    if (event.kind !== 'sessions') return row
    const last = event.entries.findLast(({ s }) => s === id)
    if (!last) return row
    if (last.k === 'closed') return undefined
    return {
      id,
      node: event.node,
      project_id: last.p,
      device_id: last.d,
      token_id: last.tok,
      opened_at: last.rx,
      position: String(event.position),
    }
  },
})

/** What stands in a node's stream of sessions after its `NodeLost` is void. */
export const lostNodes = projection<LostNodeRow>({
  name: 'lost_nodes',
  version: 1,
  key: 'id',
  columns: ['id', 'lost_by', 'position'],
  touches: (event) => (event.kind === 'node-lost' ? { ids: [event.node] } : none),
  fold: (row, event, id) =>
    row ??
    (event.kind === 'node-lost'
      ? { id, lost_by: event.by, position: String(event.position) }
      : undefined),
})

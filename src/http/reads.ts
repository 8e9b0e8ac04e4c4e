import { readCheckpoint } from '../../projections/checkpoints.ts'
import { readWaitMsMax, retryAfterSeconds } from '../../protocol/limits.ts'
import type { Position } from '../store/event-store.ts'
import type { Call } from './call.ts'
import type { HttpDeps } from './ports.ts'
import { invalidValue, Problem } from './problems.ts'

type Deps = Pick<HttpDeps, 'shared' | 'projector'>

/** Which read models a read uses: its `Position` is the least of theirs. */
export type Tables = readonly string[]

const lastPosition = 2n ** 63n - 1n

/** The `Min-Position` header: a decimal commit position. Throws 422. */
const minPositionOf = ({ headers }: Call): Position | undefined => {
  const text = headers['min-position']
  if (text === undefined) return undefined
  const position = typeof text === 'string' && /^\d{1,19}$/.test(text) ? BigInt(text) : undefined
  if (position === undefined || position > lastPosition)
    throw invalidValue('Min-Position', 'must be a position that was sent')
  return position
}

const known = async ({ shared, projector }: Deps, tables: Tables): Promise<Position | undefined> =>
  projector.position?.() ?? (await readCheckpoint(shared, tables))

/**
 * Waits for what the caller has seen already (`Min-Position`), bounded, and reads. The position is taken before the rows, so that they are
 * never older than it says. Throws 503 `projection_behind` with the position that there is.
 */
export const readAt = async <Rows>(
  deps: Deps,
  call: Call,
  tables: Tables,
  read: () => Promise<Rows>,
): Promise<{ readonly rows: Rows; readonly position: Position | undefined }> => {
  const wanted = minPositionOf(call)
  const reached = wanted === undefined || (await deps.projector.waitFor(wanted, readWaitMsMax))
  const at = await known(deps, tables)
  if (!reached)
    throw new Problem('projection_behind', {
      headers: { 'Retry-After': `${retryAfterSeconds}`, Position: `${at ?? 0n}` },
    })
  const position = wanted !== undefined && (at === undefined || at < wanted) ? wanted : at
  return { rows: await read(), position }
}

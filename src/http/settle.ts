import { writeWaitMsMax } from '../../protocol/limits.ts'
import type { Position } from '../store/event-store.ts'
import type { HttpDeps } from './ports.ts'

type Deps = Pick<HttpDeps, 'auth' | 'projector' | 'log'>

/**
 * Waits, bounded, until the read models and this node's view of credentials have met a write. Whether they have or not, the write
 * stands: nothing is thrown.
 */
export const settle = async (
  { auth, projector, log }: Deps,
  position: Position | null,
): Promise<void> => {
  if (position === null) return
  const waits = [
    projector.waitFor(position, writeWaitMsMax),
    auth.followed(position, writeWaitMsMax),
  ]
  for (const wait of await Promise.allSettled(waits))
    if (wait.status === 'rejected')
      log.warn({ err: wait.reason }, 'a write is answered before it can be read')
}

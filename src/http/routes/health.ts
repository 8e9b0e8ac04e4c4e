import type { Call, Handler } from '../call.ts'
import type { HttpDeps } from '../ports.ts'

/** GET /health/live: the process runs its loop. */
export const live = (): Handler<Call> => async () => ({ status: 200, body: { status: 'live' } })

/** GET /health/ready (operating contract, "Health"): 503 until, and when no more, this node serves. */
export const ready =
  ({ health }: HttpDeps): Handler<Call> =>
  async () => {
    const body = await health()
    return { status: body.status === 'ready' ? 200 : 503, body }
  }

/** GET /metrics: Prometheus text. */
export const metrics =
  ({ metrics: { text } }: HttpDeps): Handler<Call> =>
  async () => ({ status: 200, body: await text() })

import { liveReply, readyReply } from '../../../protocol/replies.ts'
import type { Call, Handler } from '../call.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'

const report = {
  status: 'ready',
  node: 'LapelVectorNode1',
  version: '0.1.0',
  checks: { event_store: { status: 'ok' }, auth: { status: 'ok', lag_ms: 3, lease_ms: 2_410 } },
}

export const liveOperation: Operation = {
  id: 'live',
  tag: 'Service',
  summary: 'Whether the process runs its loop',
  replies: { 200: { says: 'It does.', body: liveReply, example: { status: 'live' } } },
}

export const readyOperation: Operation = {
  id: 'ready',
  tag: 'Service',
  summary: 'Whether this node serves',
  replies: {
    200: { says: 'It does.', body: readyReply, example: report },
    503: {
      says: 'It does not: not yet, not now, or not any more.',
      body: readyReply,
      example: { ...report, status: 'not_ready', checks: { event_store: { status: 'failing' } } },
    },
  },
}

export const metricsOperation: Operation = {
  id: 'metrics',
  tag: 'Service',
  summary: 'Figures for Prometheus',
  description: 'From the node’s own machine, or with the `metrics` bearer.',
  replies: { 200: { says: 'The figures.', body: 'text/plain' } },
  refusals: ['not_found'],
}

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

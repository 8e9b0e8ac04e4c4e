import type { Context, Middleware } from 'koa'
import { newId, type RequestId } from '../../protocol/ids.ts'
import type { HttpDeps } from './ports.ts'
import { errorBody, problemOf } from './problems.ts'

/** What every request carries from the boundary inwards. */
export type RequestState = { requestId: RequestId }

const report = (
  { log, meter }: Pick<HttpDeps, 'log' | 'meter'>,
  ctx: Context,
  error: unknown,
): void => {
  const problem = problemOf(error)
  const about = { requestId: ctx.state['requestId'], method: ctx.method, err: problem.cause }
  if (problem.status === 500) log.error(about, 'a request failed in a way that nobody foresaw')
  else if (problem.status === 503 && problem.cause !== undefined)
    log.warn(about, 'a request could not be served for now')
  if (problem.status >= 500) meter.count('http_server_errors_total')
  ctx.set({ ...problem.headers })
  ctx.set('Cache-Control', 'no-store')
  const { type, text } = errorBody(problem, ctx.state['requestId'], ctx.headers.accept)
  ctx.status = problem.status
  ctx.set('Content-Type', type)
  ctx.body = text
}

// A reply is data for whoever asked: no page may frame it, run it, or read it across origins.
export const hardening = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Referrer-Policy', 'no-referrer'],
] as const

/**
 * The one place where errors become bytes. Every response gets its `X-Request-Id`, made by us; what nobody foresaw goes
 * to the log with it, and nothing of that to the caller.
 */
export const boundary =
  ({ log, meter, now, random }: HttpDeps): Middleware<RequestState> =>
  async (ctx, next) => {
    const startedMs = now()
    ctx.state.requestId = newId('req_', random)
    ctx.set('X-Request-Id', ctx.state.requestId)
    for (const [name, value] of hardening) ctx.res.setHeader(name, value)
    try {
      await next()
    } catch (error) {
      report({ log, meter }, ctx, error)
    }
    meter.count('http_requests_total')
    meter.observe('http_request_seconds', Math.max(0, now() - startedMs) / 1_000)
  }

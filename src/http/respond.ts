import { Readable } from 'node:stream'
import type { Context } from 'koa'
import { jsonType, type Reply } from './call.ts'
import { etagOf, isNotModified } from './conditions.ts'

const typeOf = ({ body, type }: Reply): string => {
  if (type !== undefined) return type
  return typeof body === 'string' ? 'text/plain; version=0.0.4; charset=utf-8' : jsonType
}

const setValidators = (ctx: Context, { resource, body }: Reply, text: string): boolean => {
  if (!resource) return false
  const { revision, representation } = resource
  const etag = etagOf(revision, representation === body ? text : JSON.stringify(representation))
  ctx.set('ETag', etag)
  const isRead = ctx.method === 'GET' || ctx.method === 'HEAD'
  return isRead && isNotModified(ctx.get('If-None-Match') || undefined, etag)
}

/** Makes the bytes of a reply. */
export const respond = (ctx: Context, reply: Reply): void => {
  if (reply.body instanceof Readable) {
    ctx.set({ 'Cache-Control': 'no-store', 'Content-Type': typeOf(reply) })
    ctx.status = reply.status
    ctx.body = reply.body
    return
  }
  const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body)
  if (reply.position !== undefined && reply.position !== null)
    ctx.set('Position', `${reply.position}`)
  if (reply.replayed) ctx.set('Idempotent-Replayed', 'true')
  if (reply.headers) ctx.set({ ...reply.headers })
  // What a cache may keep it must ask about; a secret it may not keep at all.
  ctx.set('Cache-Control', reply.secret || !reply.resource ? 'no-store' : 'private, no-cache')
  if (setValidators(ctx, reply, text)) {
    ctx.body = null
    ctx.status = 304
    return
  }
  if (reply.status === 204) {
    ctx.body = null
    return
  }
  ctx.status = reply.status
  ctx.set('Content-Type', typeOf(reply))
  ctx.body = text
}

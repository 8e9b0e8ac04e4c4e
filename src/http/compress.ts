import { promisify } from 'node:util'
import { gzip as gzipWith } from 'node:zlib'
import type { Context } from 'koa'
import { plainReplyBytesMax } from '../../protocol/limits.ts'

const gzip = promisify(gzipWith)
const isCompressible = /^(application\/(problem\+)?json|text\/)/

/** Whether gzip is asked for (RFC 9110, 12.5.3). */
export const acceptsGzip = (acceptEncoding: string | undefined): boolean => {
  const codings = (acceptEncoding ?? '').split(',').map((one) => one.trim().toLowerCase())
  const weightOf = (name: string): number | undefined => {
    const found = codings.find((one) => one.split(';')[0]?.trim() === name)
    return found === undefined ? undefined : Number(/;\s*q=([\d.]+)/.exec(found)?.[1] ?? 1)
  }
  return (weightOf('gzip') ?? weightOf('*') ?? 0) > 0
}

/** Compresses a text reply that is large enough to be worth it. Its `ETag` names other bytes then, and turns weak (RFC 9110, 8.8.1). */
export const compress = async (ctx: Context): Promise<void> => {
  const { body } = ctx
  if (typeof body !== 'string' || body.length <= plainReplyBytesMax) return
  if (!isCompressible.test(ctx.type)) return
  ctx.set('Vary', 'Accept-Encoding')
  if (!acceptsGzip(ctx.get('Accept-Encoding'))) return
  const type = ctx.response.get('Content-Type')
  const etag = ctx.response.get('ETag')
  ctx.body = await gzip(body)
  ctx.set({ 'Content-Type': type, 'Content-Encoding': 'gzip' })
  if (etag) ctx.set('ETag', `W/${etag}`)
}

import { subscribe } from 'node:diagnostics_channel'
import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import { http2SessionWindowBytes, http2StreamWindowBytes } from '../../../protocol/limits.ts'

const widened = new WeakSet<Http2Session>()

const widen = (message: unknown): void => {
  const { session } = (message as { readonly stream: ServerHttp2Stream }).stream
  if (!session || widened.has(session)) return
  widened.add(session)
  session.settings({ initialWindowSize: http2StreamWindowBytes })
  session.setLocalWindowSize(http2SessionWindowBytes)
}

let isOn = false

/**
 * Lets a client send more before it waits for us (RFC 9113, section 5.2): an append may be larger than the 64 KiB of the default, and
 * each wait costs a turn of both loops. The server of gRPC takes no such option.
 */
export const widenWindows = (): void => {
  if (!isOn) subscribe('http2.server.stream.created', widen)
  isOn = true
}

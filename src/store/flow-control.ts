import { subscribe } from 'node:diagnostics_channel'
import type { ClientHttp2Stream, Http2Session } from 'node:http2'
import { http2SessionWindowBytes, http2StreamWindowBytes } from '../../protocol/limits.ts'

const widened = new WeakSet<Http2Session>()

const widen = (message: unknown): void => {
  const { session } = (message as { readonly stream: ClientHttp2Stream }).stream
  if (!session || widened.has(session)) return
  widened.add(session)
  session.settings({ initialWindowSize: http2StreamWindowBytes })
  session.setLocalWindowSize(http2SessionWindowBytes)
}

let isOn = false

/**
 * Lets an HTTP/2 peer send more before it waits for us (RFC 9113, section 5.2): a page of the log is larger than the 64 KiB of the
 * default, and each wait costs a turn of both loops. The client of EventStoreDB takes no such option.
 */
export const widenWindows = (): void => {
  if (!isOn) subscribe('http2.client.stream.created', widen)
  isOn = true
}

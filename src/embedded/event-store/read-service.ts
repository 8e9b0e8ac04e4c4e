import type { ShortLived } from '../../../protocol/short-lived.ts'
import { readAll, readStream } from './finite-read.ts'
import type { LogReader } from './log-reader.ts'
import { type ReadRequest, readRequestOf } from './read-request.ts'
import { Gone, type OpenCall, type ReadCall, Sender } from './sender.ts'
import { type Commits, followAll, followStream } from './subscriptions.ts'
import { faultOf } from './unary.ts'

type Deps = {
  readonly reader: LogReader
  readonly commits: Commits
  readonly newId: () => string
  /** The calls that are open, so that a stop can end them. */
  readonly open: ShortLived<OpenCall, true>
}

const serve = (deps: Deps, request: ReadRequest, sender: Sender): Promise<void> => {
  const { reader } = deps
  const { stream, count } = request
  if (count === undefined)
    return stream === undefined
      ? followAll(deps, request, sender)
      : followStream(deps, stream, request, sender)
  return stream === undefined
    ? readAll({ reader, request, sender })
    : readStream({ reader, request, sender }, stream)
}

/** Streams.Read: finite reads and subscriptions, of a stream or of all. */
export const read =
  (deps: Deps) =>
  (call: ReadCall): void => {
    const run = async () => serve(deps, readRequestOf(call.request), new Sender(call))
    deps.open.set(call, true)
    const over = () => deps.open.delete(call)
    call.on('close', over)
    call.on('cancelled', over)
    run()
      .then(() => call.end())
      .catch((error: unknown) => {
        if (!(error instanceof Gone)) call.emit('error', faultOf(error))
      })
      .finally(over)
  }

import type { Command } from 'commander'
import { findNode } from '../config-data-dir.ts'
import { BadAddress, connectStore, type Store } from '../embedded/event-store-copy/connect.ts'
import { type Copied, type CopyProgress, copyLog } from '../embedded/event-store-copy/copy.ts'
import { endOfLog } from '../embedded/event-store-copy/log-cursor.ts'
import { CommandFailed, Misuse } from './api.ts'
import { apiOptions, type Context, outputOf, type Shared } from './context.ts'
import { record, show } from './output.ts'
import { barOf, createProgress } from './progress.ts'

type Options = Shared & { readonly to: string; readonly from?: string; readonly follow?: boolean }

type Opened = { readonly url: string; readonly close: () => Promise<void> }

/** The store of the node that belongs to this data directory. */
type NodeStore = {
  readonly folder: () => string
  readonly open: (folder: string) => Promise<Opened>
}

const connect = async (url: string): Promise<Store> => {
  try {
    return await connectStore(url)
  } catch (error) {
    if (error instanceof BadAddress) throw new Misuse(error.message, { cause: error })
    throw error
  }
}

const pressed = () => {
  let isPressed = false
  const press = () => {
    isPressed = true
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, press)
  return () => isPressed
}

const createTeller = (json: boolean, end: number) => {
  const progress = createProgress(json)
  const started = performance.now()
  const say = ({ events, written, position, isCaughtUp }: CopyProgress) => {
    const seconds = (performance.now() - started) / 1_000
    const rate = Math.round(events / Math.max(seconds, 0.001))
    const done = Number(position)
    const bar = barOf(done, Math.max(end, done), seconds)
    const shown = isCaughtUp ? 'caught up' : bar
    progress.say(`${shown}  ${events} events (${rate}/s), ${written} of them written now`)
  }
  return { say, end: progress.end }
}

const perform = async (context: Context, options: Options, node: NodeStore): Promise<Copied> => {
  const found = await findNode(apiOptions(context, {}).dataDir)
  const running = found.kind === 'running' ? found.node.eventstore_url : undefined
  let opened: Opened | undefined
  let sourceIsGone = false
  const openFolder = async () => {
    opened = await node.open(node.folder())
    return connect(opened.url)
  }
  const given = options.from ?? running ?? undefined
  const to = await connect(options.to)
  const from = given === undefined ? await openFolder() : await connect(given)
  const stop = options.follow === true ? pressed() : () => true
  const json = options.json === true
  const teller = createTeller(json, Number((await endOfLog(from)) ?? 0))
  try {
    return await copyLog({
      from,
      to,
      onProgress: teller.say,
      goOn: () => !sourceIsGone && !stop(),
      // The node has stopped, and its store with it: the rest is read from its folder.
      ...(options.from === undefined && {
        onSourceGone: async () => {
          sourceIsGone = true
          return openFolder()
        },
      }),
    })
  } finally {
    teller.end()
    from.close()
    to.close()
    await opened?.close()
  }
}

export const addCopy = (parent: Command, context: Context, node: NodeStore): void => {
  parent
    .command('copy')
    .description('copy every event to another store, and verify it; begun again, it goes on')
    .requiredOption('--to <url>', 'esdb://…')
    .option('--from <url>', "esdb://…; the node's own store when left out")
    .option('--follow', 'go on until the node stops, or Ctrl-C, and end with what was left')
    .option('--json', 'print one JSON document')
    .action(async (options: Options) => {
      const copied = await perform(context, options, node).catch((error: unknown) => {
        if (error instanceof Misuse) throw error
        throw new CommandFailed((error as Error).message, { cause: error })
      })
      show(outputOf(context, options), copied, () => record(copied))
    })
}

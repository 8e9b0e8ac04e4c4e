import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { type EventStoreServer, startEventStore } from '../embedded/event-store/server.ts'
import { backUp, eventsFile } from '../embedded/event-store-copy/backup.ts'
import { verifyLog } from '../embedded/event-store-copy/verify.ts'
import { CommandFailed, Misuse } from './api.ts'
import { apiOptions, type Context, outputOf, type Shared } from './context.ts'
import { addCopy } from './eventstore-copy.ts'
import { record, show } from './output.ts'

const portOf = (text: string): number => {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('must be 0 to 65535')
  return port
}

/** The folder of the node's embedded store. */
const nodeFolder = (context: Context): string => join(apiOptions(context, {}).dataDir, 'eventstore')

/** The embedded store in this process. */
const open = (dataDir: string, port: number): Promise<EventStoreServer> =>
  startEventStore({
    dataDir,
    host: '127.0.0.1',
    port,
    now: Date.now,
    onBroken: (error) => {
      process.stderr.write(`the event store cannot go on: ${error}\n`)
      process.exit(1)
    },
  }).catch((error: unknown) => {
    throw new CommandFailed((error as Error).message, { cause: error })
  })

const serve = async (
  { print }: Context,
  { port, data, json }: { port?: number; data?: string; json?: boolean },
) => {
  if (port === undefined) throw new Misuse('--port is needed: 0 takes any')
  if (data === undefined) throw new Misuse('--data is needed: the folder of the event store')
  const server = await open(data, port)
  const end = () => void server.close().then(() => process.exit(0))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end)
  print(json ? JSON.stringify({ ready: server.url }) : `ready ${server.url}`)
}

const refused = (error: unknown): CommandFailed =>
  new CommandFailed((error as Error).message, { cause: error })

const addBackup = (parent: Command, context: Context): void => {
  parent
    .command('backup')
    .description('copy the log into one file, as of one moment; the store may be running')
    .argument('<file>', 'a new file')
    .option('--data <dir>', "the store's folder; the node's when left out")
    .option('--json', 'print one JSON document')
    .action(async (file: string, options: Shared & { data?: string }) => {
      const path = resolve(context.cwd, file)
      const { bytes } = await backUp(options.data ?? nodeFolder(context), path).catch(
        (error: unknown) => {
          throw refused(error)
        },
      )
      const verified = verifyLog(path)
      const made = { file: path, bytes, ...verified }
      show(outputOf(context, options), made, () => record(made))
      if (verified.faults.length > 0) throw new CommandFailed('the backup is not whole')
    })
}

const verify = (file: string) => {
  try {
    return verifyLog(file)
  } catch (error) {
    throw refused(error)
  }
}

const addVerify = (parent: Command, context: Context): void => {
  parent
    .command('verify')
    .description('check a log: integrity, revisions without gaps, positions rising')
    .argument('[file]', "a backup; the node's own log when left out")
    .option('--data <dir>', "a store's folder")
    .option('--json', 'print one JSON document')
    .action((file: string | undefined, options: Shared & { data?: string }) => {
      const path = file ?? eventsFile(options.data ?? nodeFolder(context))
      const verified = verify(path)
      show(outputOf(context, options), verified, () => record(verified))
      if (verified.faults.length > 0)
        throw new CommandFailed(`${path} is not whole: put a backup in its place`)
    })
}

/** The embedded event store: alone, for other programs to use; its backup; and the way to another. */
export const addEventStore = (program: Command, context: Context): void => {
  const parent = program
    .command('eventstore')
    .description(
      'the embedded event store alone: the Streams service of EventStoreDB, on one machine',
    )
    .option('--port <port>', 'on 127.0.0.1; 0 for any', portOf)
    .option('--data <dir>', 'its folder')
    .option('--json', 'print one JSON document')
    .enablePositionalOptions()
    .action((options: { port?: number; data?: string; json?: boolean }) => serve(context, options))
  addCopy(parent, context, { folder: () => nodeFolder(context), open: (dir) => open(dir, 0) })
  addBackup(parent, context)
  addVerify(parent, context)
}

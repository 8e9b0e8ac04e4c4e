import { type Command, InvalidArgumentError } from 'commander'
import { startEventStore } from '../embedded/event-store/server.ts'
import { CommandFailed } from './api.ts'
import type { Context } from './context.ts'

const portOf = (text: string): number => {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('must be 0 to 65535')
  return port
}

/** The embedded event store alone, for other programs to use. */
export const addEventStore = (program: Command, { print }: Context): void => {
  program
    .command('eventstore')
    .description(
      'the embedded event store alone: the Streams service of EventStoreDB, on one machine',
    )
    .requiredOption('--port <port>', 'on 127.0.0.1; 0 for any', portOf)
    .requiredOption('--data <dir>', 'its folder')
    .option('--json', 'print one JSON document')
    .action(async ({ port, data, json }: { port: number; data: string; json?: boolean }) => {
      const server = await startEventStore({
        dataDir: data,
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
      const end = () => void server.close().then(() => process.exit(0))
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end)
      print(json ? JSON.stringify({ ready: server.url }) : `ready ${server.url}`)
    })
}

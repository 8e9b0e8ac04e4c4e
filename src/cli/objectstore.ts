import { type Command, InvalidArgumentError } from 'commander'
import { keptCredentials } from '../embedded/object-store/credentials.ts'
import { startObjectStore } from '../embedded/object-store/server.ts'
import { CommandFailed, Misuse } from './api.ts'
import { type Context, type Environment, wholeNumber } from './context.ts'

type Options = {
  readonly port?: number
  readonly data?: string
  readonly events?: string
  readonly json?: boolean
}

const portOf = (text: string): number => {
  const port = wholeNumber(0, 65_535, text)
  if (port === undefined) throw new InvalidArgumentError('must be 0 to 65535')
  return port
}

/** Those of the environment, or those that the folder keeps. */
const credentialsFor = async (env: Environment, folder: string) => {
  const [accessKeyId, secretAccessKey] = [env['S3_ACCESS_KEY_ID'], env['S3_SECRET_ACCESS_KEY']]
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey }
  return keptCredentials(folder)
}

const open = async (env: Environment, folder: string, { port = 0, events }: Options) => {
  const token = env['S3_EVENTS_TOKEN']
  if (events !== undefined && !token)
    throw new Misuse('--events needs S3_EVENTS_TOKEN: the bearer that goes with each document')
  const target = events !== undefined && token ? { url: events, token } : undefined
  try {
    const credentials = await credentialsFor(env, folder)
    const server = await startObjectStore({
      dataDir: folder,
      host: '127.0.0.1',
      port,
      region: env['S3_REGION'] || 'us-east-1',
      credentials,
      now: Date.now,
      monotonic: () => performance.now(),
      events: async () => target,
      onError: (error) => process.stderr.write(`${(error as Error)?.stack ?? error}\n`),
    })
    return { server, accessKeyId: credentials.accessKeyId }
  } catch (error) {
    throw new CommandFailed((error as Error).message, { cause: error })
  }
}

const serve = async ({ env, print }: Context, options: Options): Promise<void> => {
  if (options.port === undefined) throw new Misuse('--port is needed: 0 takes any')
  if (options.data === undefined) throw new Misuse('--data is needed: the folder of the objects')
  const { server, accessKeyId } = await open(env, options.data, options)
  const end = () => void server.close().then(() => process.exit(0))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end)
  const made = { ready: server.url, access_key_id: accessKeyId }
  print(options.json ? JSON.stringify(made) : `ready ${server.url}`)
}

/** The embedded object store alone, for other programs to use. */
export const addObjectStore = (program: Command, context: Context): void => {
  program
    .command('objectstore')
    .description(
      'the embedded object store alone: S3 over files, on one machine; its keys are S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or credentials.json in its folder',
    )
    .option('--port <port>', 'on 127.0.0.1; 0 for any', portOf)
    .option('--data <dir>', 'its folder')
    .option('--events <url>', 'where it tells of new objects, with the bearer S3_EVENTS_TOKEN')
    .option('--json', 'print one JSON document')
    .action((options: Options) => serve(context, options))
}

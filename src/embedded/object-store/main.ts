import { keptCredentials } from './credentials.ts'
import { readEventTarget } from './event-target.ts'
import { startObjectStore } from './server.ts'

/**
 * `node main.ts --data DIR [--port P] [--host H] [--region R] [--follow-stdin]`: the object store as a process. Prints `ready http://…`
 * when it serves. With `--follow-stdin` it ends when its standard input does.
 */
const optionOf = (name: string): string | undefined => {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}

const port = optionOf('--port') ?? '0'
const host = optionOf('--host') ?? '127.0.0.1'

const die = (message: string): never => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const explain = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    ? `port ${port} on ${host} is taken: choose another with --port`
    : String((error as Error)?.message ?? error)

const start = async () => {
  const dataDir = optionOf('--data') ?? die('--data names the folder of the object store')
  const server = await startObjectStore({
    dataDir,
    host,
    port: Number(port),
    region: optionOf('--region') ?? 'us-east-1',
    credentials: await keptCredentials(dataDir),
    now: Date.now,
    monotonic: () => performance.now(),
    events: () => readEventTarget(dataDir),
    onError: (error) => process.stderr.write(`${(error as Error)?.stack ?? error}\n`),
  }).catch((error: unknown) => die(explain(error)))
  let ending = false
  const end = async () => {
    if (ending) return
    ending = true
    await server.close()
    process.exit(0)
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  if (process.argv.includes('--follow-stdin'))
    process.stdin.on('end', end).on('error', end).resume()
  process.stdout.write(`ready ${server.url}\n`)
}

await start()

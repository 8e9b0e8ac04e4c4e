import { startEventStore } from './server.ts'

/**
 * `node main.ts --data DIR [--port P] [--host H] [--follow-stdin]`: the event store as a process. Prints
 * `ready esdb://…` when it serves. With `--follow-stdin` it ends when its standard input does.
 */
const optionOf = (name: string): string | undefined => {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}

const values = {
  data: optionOf('--data'),
  port: optionOf('--port') ?? '0',
  host: optionOf('--host') ?? '127.0.0.1',
  'follow-stdin': process.argv.includes('--follow-stdin'),
}

const die = (message: string): never => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const explain = (error: unknown): string => {
  const text = String((error as Error)?.message ?? error)
  return /EADDRINUSE|No address added/.test(text)
    ? `port ${values.port} on ${values.host} is taken: choose another with --port`
    : text
}

const start = async () => {
  if (values.data === undefined) return die('--data names the folder of the event store')
  const options = {
    dataDir: values.data,
    host: values.host,
    port: Number(values.port),
    now: Date.now,
    // A failed fsync leaves pages of unknown content behind: nothing may be acknowledged after it.
    onBroken: (error: unknown) => die(`the event store cannot go on: ${error}`),
  }
  const server = await startEventStore(options).catch((error: unknown) => die(explain(error)))
  let ending = false
  const end = async () => {
    if (ending) return
    ending = true
    await server.close()
    process.exit(0)
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  if (values['follow-stdin']) process.stdin.on('end', end).on('error', end).resume()
  process.stdout.write(`ready ${server.url}\n`)
}

await start()

import type { Command } from 'commander'
import { stopMsMax } from '../../protocol/limits.ts'
import { faultsText, loadConfig } from '../config.ts'
import { createLog } from '../config-log.ts'
import { type Lapel, startLapel } from '../main.ts'
import { StartRefused } from '../main-first-start.ts'
import { CommandFailed } from './api.ts'
import type { Context } from './context.ts'

/**
 * SIGTERM and SIGINT stop in order; a repeated signal changes nothing, and past the limit the process ends all the same. SIGHUP reads
 * the certificate anew; a node that has none takes it for the end of its terminal.
 */
const obeySignals = (started: Promise<Lapel>): void => {
  let stopping = false
  const end = () => {
    if (stopping) return
    stopping = true
    const late = setTimeout(() => process.exit(1), stopMsMax)
    started
      .then((lapel) => lapel.stop())
      .then(
        () => {
          clearTimeout(late)
          process.exit(0)
        },
        () => process.exit(1),
      )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
  process.on('SIGHUP', () => {
    started.then(({ reload }) => (reload ? void reload() : end()), end)
  })
}

const serve = async ({ env, cwd, print }: Context, json: boolean): Promise<void> => {
  const loaded = loadConfig(env, cwd)
  if (loaded.kind === 'faults') throw new CommandFailed(faultsText(loaded.faults))
  const { config } = loaded
  const destination = json
    ? { write: (text: string) => process.stdout.write(text) }
    : process.stdout
  const log = createLog(config.log, destination)
  for (const variable of config.unknown)
    log.warn({ variable }, 'no such variable is read: a slip of the pen?')
  const started = startLapel(config, { log, print }).catch((error: unknown) => {
    if (error instanceof StartRefused) throw new CommandFailed(error.message, { cause: error })
    throw error
  })
  obeySignals(started)
  await started
}

export const addServe = (program: Command, context: Context): void => {
  program
    .command('serve')
    .description('run a node: broker, API, and what of the databases no variable replaces')
    .option('--json', 'log lines as JSON, also on a terminal')
    .action(({ json }: { json?: boolean }) => serve(context, json === true))
}

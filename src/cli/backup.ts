import { resolve } from 'node:path'
import type { Command } from 'commander'
import { faultsText, loadConfig } from '../config.ts'
import { findNode } from '../config-data-dir.ts'
import { createLog } from '../config-log.ts'
import { backUp } from '../main-backup.ts'
import { BackupRefused } from '../main-backup-files.ts'
import { restore } from '../main-restore.ts'
import { CommandFailed } from './api.ts'
import { type Context, outputOf } from './context.ts'
import { record, show } from './output.ts'

type Options = { readonly json?: boolean }

const configOf = ({ env, cwd }: Context) => {
  const loaded = loadConfig(env, cwd)
  if (loaded.kind === 'faults') throw new CommandFailed(faultsText(loaded.faults))
  return loaded.config
}

const orFailed = async <Result>(work: Promise<Result>): Promise<Result> => {
  try {
    return await work
  } catch (error) {
    if (error instanceof BackupRefused) throw new CommandFailed(error.message, { cause: error })
    throw error
  }
}

export const addBackup = (program: Command, context: Context): void => {
  program
    .command('backup')
    .description(
      'copy all that only Lapel holds while its node runs here: secrets, vault, embedded event store, objects',
    )
    .argument(
      '<dir>',
      'a folder that is not there yet; it opens everything, keep it as you keep secrets',
    )
    .option('--json', 'print one JSON document')
    .action(async (dir: string, options: Options) => {
      const config = configOf(context)
      const found = await findNode(config.dataDir)
      if (found.kind !== 'running')
        throw new CommandFailed(`no node runs in ${config.dataDir}: start it with \`npm start\``)
      const made = await orFailed(backUp(config, found.node, resolve(context.cwd, dir)))
      show(outputOf(context, options), made, () => record(made))
    })
}

export const addRestore = (program: Command, context: Context): void => {
  program
    .command('restore')
    .description('put a back-up into LAPEL_DATA and a database that are empty; then `lapel serve`')
    .argument('<dir>', 'what `lapel backup` made')
    .option('--json', 'print one JSON document')
    .action(async (dir: string, options: Options) => {
      const config = configOf(context)
      const log = createLog('warn', process.stderr)
      const done = await orFailed(restore(config, resolve(context.cwd, dir), log))
      show(outputOf(context, options), done, () => record(done))
    })
}

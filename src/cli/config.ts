import type { Command } from 'commander'
import { describeConfig, faultsText, loadConfig } from '../config.ts'
import { CommandFailed } from './api.ts'
import { type Context, outputOf, type Shared } from './context.ts'
import { show, table } from './output.ts'

export const addConfig = (program: Command, context: Context): void => {
  program
    .command('config')
    .description('what is in force, and where it came from; secrets are masked')
    .option('--json', 'print one JSON document')
    .action((options: Shared) => {
      const loaded = loadConfig(context.env, context.cwd)
      if (loaded.kind === 'faults') throw new CommandFailed(faultsText(loaded.faults))
      const values = describeConfig(loaded.config)
      show(outputOf(context, options), values, () =>
        table(['variable', 'value', 'from'], values, ''),
      )
    })
}

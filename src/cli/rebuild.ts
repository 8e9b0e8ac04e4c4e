import type { Command } from 'commander'
import { CommandFailed, call, findTarget } from './api.ts'
import { apiOptions, type Context, outputOf, type Shared, speaking } from './context.ts'
import { show, table } from './output.ts'

const columns = ['projection', 'events', 'seconds', 'equal', 'fingerprint']

export const addRebuild = (program: Command, context: Context): void => {
  speaking(
    program
      .command('rebuild')
      .description(
        'fold the log anew into read models, compare them with the live ones, and put them in their place',
      )
      .argument('[names...]', 'which; all when left out'),
  ).action(async (names: string[], options: Shared) => {
    const target = await findTarget(apiOptions(context, options))
    const body = names.length > 0 ? { names } : {}
    const { data } = await call(target, { method: 'POST', path: '/internal/rebuild', body })
    const rows = data as readonly Record<string, unknown>[]
    show(outputOf(context, options), rows, () => table(columns, rows, 'Nothing was rebuilt.'))
    if (rows.some(({ equal }) => equal !== true))
      throw new CommandFailed('a read model was not what the log says; it is now')
  })
}

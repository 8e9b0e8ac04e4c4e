import type { Command } from 'commander'
import { CommandFailed, findTarget, linesOf } from './api.ts'
import { apiOptions, type Context, outputOf, type Shared, speaking } from './context.ts'
import { show, table } from './output.ts'
import { overwriting, progressText } from './progress-bar.ts'

const columns = ['projection', 'events', 'seconds', 'equal', 'fingerprint']

type Line = {
  readonly progress?: {
    readonly events: number
    readonly seconds: number
    readonly doing: 'folding' | 'writing' | 'comparing'
    readonly position: string
    readonly of: string
  }
  readonly data?: readonly Record<string, unknown>[]
  readonly error?: { readonly code: string; readonly message: string }
}

type Terminal = { readonly isTTY?: boolean; readonly write: (text: string) => unknown }

/** The progress bar goes to standard error, and only where that is a terminal. */
const follow = async (
  lines: AsyncIterable<unknown>,
  terminal: Terminal,
): Promise<readonly Record<string, unknown>[]> => {
  try {
    for await (const line of lines) {
      const { progress, data, error } = line as Line
      if (data) return data
      if (error) throw new CommandFailed(`${error.message} (${error.code})`)
      if (!progress || terminal.isTTY !== true) continue
      const { events, seconds, doing, position, of } = progress
      const now = doing === 'folding' ? undefined : doing
      const shown = { done: Number(position), of: Number(of), seconds, things: events, now }
      terminal.write(overwriting(progressText(shown, 'events')))
    }
  } finally {
    if (terminal.isTTY === true) terminal.write(overwriting(''))
  }
  throw new CommandFailed('the node ended before the rebuild did: nothing was changed')
}

export const addRebuild = (program: Command, context: Context): void => {
  speaking(
    program
      .command('rebuild')
      .description(
        'fold the log anew into read models beside the live ones, compare, and put them in their place; Ctrl-C changes nothing',
      )
      .argument('[names...]', 'which; all when left out'),
  ).action(async (names: string[], options: Shared) => {
    const target = await findTarget(apiOptions(context, options))
    const body = names.length > 0 ? { names } : {}
    const lines = linesOf(target, { method: 'POST', path: '/internal/rebuild', body })
    const rows = await follow(lines, process.stderr)
    show(outputOf(context, options), rows, () => table(columns, rows, 'Nothing was rebuilt.'))
    if (rows.some(({ equal }) => equal !== true))
      throw new CommandFailed('a read model was not what the log says; it is now')
  })
}

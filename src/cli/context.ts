import type { Command } from 'commander'
import { loadConfig } from '../config.ts'
import { type ApiOptions, CommandFailed } from './api.ts'
import type { Output } from './output.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What every command is given of the world outside. */
export type Context = {
  readonly env: Environment
  readonly cwd: string
  readonly print: (text: string) => void
}

export type Shared = { readonly json?: boolean; readonly url?: string }

/** The options that every command that speaks to a node has. */
export const speaking = (command: Command): Command =>
  command
    .option('--json', 'print one JSON document')
    .option('--url <url>', 'a node elsewhere; its key is in LAPEL_API_KEY')

export const outputOf = ({ print }: Context, { json }: Shared): Output => ({
  line: print,
  json: json === true,
})

/** Where to look for the node. Only the data directory is read of the configuration, so that a fault elsewhere is no obstacle. */
export const apiOptions = ({ env, cwd }: Context, { url }: Shared): ApiOptions => {
  const loaded = loadConfig({ LAPEL_DATA: env['LAPEL_DATA'] }, cwd)
  if (loaded.kind === 'faults') throw new CommandFailed(`LAPEL_DATA ${loaded.faults[0]?.problem}`)
  return { url, key: env['LAPEL_API_KEY'], dataDir: loaded.config.dataDir }
}

/** A whole number within bounds, or `undefined`. */
export const wholeNumber = (min: number, max: number, text: string): number | undefined => {
  const value = Number(text)
  return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined
}

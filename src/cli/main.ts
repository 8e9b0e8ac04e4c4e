import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { CommandFailed, Misuse } from './api.ts'
import type { Context } from './context.ts'

const { version }: { version: string } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
)

/** 0 done, 1 refused or failed, 2 misuse. */
const exitCodes = { done: 0, failed: 1, misuse: 2 } as const

type Add = (program: Command, context: Context) => void

/** Each is loaded when it is asked for: what a node needs takes a second to load, and most commands only ask one. */
const commands: Readonly<Record<string, () => Promise<Add>>> = {
  serve: async () => (await import('./serve.ts')).addServe,
  projects: async () => (await import('./projects.ts')).addProjects,
  keys: async () => (await import('./keys.ts')).addKeys,
  devices: async () => (await import('./devices.ts')).addDevices,
  simulate: async () => (await import('./simulate.ts')).addSimulate,
  rebuild: async () => (await import('./rebuild.ts')).addRebuild,
  backup: async () => (await import('./backup.ts')).addBackup,
  restore: async () => (await import('./backup.ts')).addRestore,
  audit: async () => (await import('./audit.ts')).addAudit,
  eventstore: async () => (await import('./eventstore.ts')).addEventStore,
  objectstore: async () => (await import('./objectstore.ts')).addObjectStore,
  config: async () => (await import('./config.ts')).addConfig,
}

/** Commander ends a command line by throwing: help and version are done, the rest is misuse. */
const throwInstead = (command: Command): void => {
  command.exitOverride().showHelpAfterError('(--help says how)')
  for (const child of command.commands) throwInstead(child)
}

const createProgram = async (context: Context, name: string): Promise<Command> => {
  const program = new Command('lapel')
    .description(
      'Event-sourced ingestion for 4G wearables: MQTT in, an event log as the truth, Postgres read models.',
    )
    .version(version)
    // An option belongs to the command that stands before it.
    .enablePositionalOptions()
  const asked = Object.hasOwn(commands, name) ? [commands[name]] : Object.values(commands)
  for (const load of asked) (await load?.())?.(program, context)
  throwInstead(program)
  return program
}

const codeOf = (error: unknown): number => {
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? exitCodes.done : exitCodes.misuse
  if (error instanceof CommandFailed) process.stderr.write(`${error.message}\n`)
  else if (error instanceof Misuse) process.stderr.write(`${error.message}\n(--help says how)\n`)
  else process.stderr.write(`${(error as Error)?.stack ?? error}\n`)
  return error instanceof Misuse ? exitCodes.misuse : exitCodes.failed
}

// `lapel … | head` ends the reader first: nobody is left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

const run = async (): Promise<void> => {
  const context: Context = {
    env: process.env,
    cwd: process.cwd(),
    print: (text) => process.stdout.write(`${text}\n`),
  }
  try {
    const program = await createProgram(context, process.argv[2] ?? '')
    await program.parseAsync(process.argv)
  } catch (error) {
    process.exitCode = codeOf(error)
    // A failed start leaves nothing that may keep the process: whatever it opened is closed.
    if (process.exitCode !== exitCodes.done) setImmediate(() => process.exit())
  }
}

await run()

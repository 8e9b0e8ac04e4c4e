import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { CommandFailed, Misuse } from './api.ts'
import { addAudit } from './audit.ts'
import { addBackup, addRestore } from './backup.ts'
import { addConfig } from './config.ts'
import type { Context } from './context.ts'
import { addDevices } from './devices.ts'
import { addEventStore } from './eventstore.ts'
import { addKeys } from './keys.ts'
import { addObjectStore } from './objectstore.ts'
import { addProjects } from './projects.ts'
import { addRebuild } from './rebuild.ts'
import { addServe } from './serve.ts'
import { addSimulate } from './simulate.ts'

const { version }: { version: string } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
)

/** 0 done, 1 refused or failed, 2 misuse. */
const exitCodes = { done: 0, failed: 1, misuse: 2 } as const

const commands = [
  addServe,
  addProjects,
  addKeys,
  addDevices,
  addSimulate,
  addRebuild,
  addBackup,
  addRestore,
  addAudit,
  addEventStore,
  addObjectStore,
  addConfig,
]

/** Commander ends a command line by throwing: help and version are done, the rest is misuse. */
const throwInstead = (command: Command): void => {
  command.exitOverride().showHelpAfterError('(--help says how)')
  for (const child of command.commands) throwInstead(child)
}

const createProgram = (context: Context): Command => {
  const program = new Command('lapel')
    .description(
      'Event-sourced ingestion for 4G wearables: MQTT in, an event log as the truth, Postgres read models.',
    )
    .version(version)
    // An option belongs to the command that stands before it.
    .enablePositionalOptions()
  for (const add of commands) add(program, context)
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
    await createProgram(context).parseAsync(process.argv)
  } catch (error) {
    process.exitCode = codeOf(error)
    // A failed start leaves nothing that may keep the process: whatever it opened is closed.
    if (process.exitCode !== exitCodes.done) setImmediate(() => process.exit())
  }
}

await run()

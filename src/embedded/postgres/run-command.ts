import { spawn } from 'node:child_process'

export type Command = {
  readonly command: string
  readonly args: readonly string[]
  readonly uid?: number
  readonly gid?: number
  readonly input?: string
}

export type CommandResult = {
  /** null: it could not be started, or a signal ended it. */
  readonly code: number | null
  /** Standard output and error, in order of arrival. */
  readonly output: string
}

// Nothing of ours but the search path: a PGDATA, PGPORT or LD_LIBRARY_PATH of the caller must not reach it.
export const cleanEnvironment = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  LC_ALL: 'C',
}

/** Runs a command to its end. Never throws. */
export const runCommand = ({ command, args, uid, gid, input }: Command): Promise<CommandResult> =>
  new Promise((resolve) => {
    const child = spawn(command, [...args], {
      stdio: 'pipe',
      env: cleanEnvironment,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    })
    let output = ''
    const take = (chunk: Buffer) => {
      output += chunk.toString('utf8')
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.stdin.on('error', () => {})
    child.once('error', (error) => resolve({ code: null, output: error.message }))
    child.once('close', (code) => resolve({ code, output }))
    child.stdin.end(input ?? '')
  })

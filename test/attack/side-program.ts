import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export type SideProgram = {
  readonly port: number
  readonly pid: number
  /** Resolves once it has met the word. */
  readonly tell: (word: string) => Promise<void>
  readonly end: () => void
}

/** A program of this folder that prints the port on which it listens. */
export const startSideProgram = async (name: string): Promise<SideProgram> => {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  if (!child.stdout) throw new Error('no output')
  const [line] = await once(child.stdout, 'data')
  return {
    port: Number(String(line)),
    pid: child.pid ?? 0,
    tell: async (word) => {
      const met = once(child, 'message')
      child.send(word)
      await met
    },
    end: () => void child.kill('SIGKILL'),
  }
}

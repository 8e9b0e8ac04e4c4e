import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const mainFile = fileURLToPath(new URL('../../src/embedded/event-store/main.ts', import.meta.url))

export type Running = {
  readonly child: ChildProcess
  readonly url: string
  end(signal: NodeJS.Signals): Promise<void>
}

/** The server as a process; rejects with what it said when it ends before it serves. */
export const run = async (dataDir: string): Promise<Running> => {
  const child = spawn(process.execPath, [
    mainFile,
    '--data',
    dataDir,
    '--port',
    '0',
    '--follow-stdin',
  ])
  const exited = once(child, 'exit')
  let [out, said] = ['', '']
  child.stderr.on('data', (text) => {
    said += text
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (text) => {
      out += text
      const [, found] = /^ready (\S+)$/m.exec(out) ?? []
      if (found) resolve(found)
    })
    child.on('close', (code) => reject(new Error(`${code}: ${said}`)))
  })
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await exited
  }
  return { child, url, end }
}

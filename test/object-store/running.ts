import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { keptCredentials } from '../../src/embedded/object-store/credentials.ts'
import type { ObjectStore } from '../../src/store/object-store.ts'
import { openS3 } from '../../src/store/s3.ts'

const mainFile = fileURLToPath(new URL('../../src/embedded/object-store/main.ts', import.meta.url))

export type RunningStore = {
  readonly url: string
  readonly objects: ObjectStore
  end(signal: NodeJS.Signals): Promise<void>
}

type RunOptions = {
  readonly port?: number
  /** The largest file that it may write, in KiB: a disk that is full, by the system's own error. */
  readonly fileKib?: number
}

/** The store as a process; rejects with what it said when it ends before it serves. */
export const runStore = async (
  dataDir: string,
  options: RunOptions = {},
): Promise<RunningStore> => {
  const { port = 0, fileKib } = options
  const command = [process.execPath, mainFile, '--data', dataDir, '--port', String(port)]
  const limit = fileKib === undefined ? '' : `ulimit -f ${fileKib};`
  // SIGKILL must hit the store itself: exec leaves no shell in between.
  const child = spawn('bash', ['-c', `${limit} exec "$@"`, 'bash', ...command, '--follow-stdin'])
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
  const objects = openS3({
    endpoint: url,
    publicEndpoint: url,
    bucket: 'lapel',
    region: 'us-east-1',
    ...(await keptCredentials(dataDir)),
    now: Date.now,
  })
  const end = async (signal: NodeJS.Signals) => {
    objects.close()
    child.kill(signal)
    await exited
  }
  return { url, objects, end }
}

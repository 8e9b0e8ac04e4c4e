import { fileURLToPath } from 'node:url'
import { type SupervisedChild, superviseChild } from '../../src/embedded/child-process.ts'
import { freePort } from '../../src/embedded/kept-port.ts'
import { keepLog } from './keep-log.ts'
import { temporaryFolder } from './temporary-folder.ts'

export type TestEventStore = {
  /** `esdb://127.0.0.1:<port>?tls=false`, the same after `restart`. */
  readonly url: string
  readonly dataDir: string
  /** What it printed, for a failing test to show. */
  readonly lines: ReturnType<typeof keepLog>['lines']
  /** Of the running process. */
  pid(): number | undefined
  /** SIGKILL; resolves when it is gone. It stays down until `restart`. */
  kill9(): Promise<void>
  /** Starts it again on the same port and data, stopping it first where it still runs. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

const mainFile = fileURLToPath(new URL('../../src/embedded/event-store/main.ts', import.meta.url))

/** The embedded event store in a process and a folder of its own. */
export const startEventStore = async (): Promise<TestEventStore> => {
  const data = await temporaryFolder()
  const { lines, log } = keepLog()
  const port = await freePort()
  const start = () =>
    superviseChild({
      name: 'event store',
      command: process.execPath,
      args: [mainFile, '--data', data.path, '--port', `${port}`, '--follow-stdin'],
      readyLine: /^ready (esdb:\S+)/,
      restart: 'never',
      log,
    })
  let child: SupervisedChild
  try {
    child = await start()
  } catch (error) {
    await data.remove()
    throw error
  }
  return {
    url: child.ready[1] ?? '',
    dataDir: data.path,
    lines,
    pid: () => child.pid(),
    kill9: async () => {
      const pid = child.pid()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await child.exited
    },
    restart: async () => {
      await child.stop()
      child = await start()
    },
    stop: async () => {
      await child.stop()
      await data.remove()
    },
  }
}

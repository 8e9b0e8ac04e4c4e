import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import {
  postgresConnectionsMax,
  postgresFastStopMsMax,
  postgresLastWordsMsMax,
} from '../../../protocol/limits.ts'
import { endOrphan } from './postmaster.ts'
import { asCommand, type RunAs } from './run-as.ts'
import { cleanEnvironment } from './run-command.ts'

// A program of its own: `node guardian.ts <order as JSON>`. It holds Postgres as its child and stops it
// when its own standard input ends, so that Postgres never outlives the process that wanted it.

export type GuardianOrder = {
  readonly postgres: string
  readonly cluster: string
  readonly port: number
  readonly runAs: RunAs
}

const settings = (port: number) => ({
  listen_addresses: '127.0.0.1',
  port,
  unix_socket_directories: '',
  max_connections: postgresConnectionsMax,
  shared_buffers: '128MB',
  password_encryption: 'scram-sha-256',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  ssl: 'off',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_line_prefix: '',
  lc_messages: 'C',
  timezone: 'UTC',
  log_timezone: 'UTC',
  cluster_name: 'lapel',
})

const readyLine = 'database system is ready to accept connections'

const startServer = ({ postgres, cluster, port, runAs }: GuardianOrder): ChildProcess => {
  const args = Object.entries(settings(port)).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const { command, args: all, uid, gid } = asCommand(runAs, postgres, ['-D', cluster, ...args])
  return spawn(command, [...all], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: cleanEnvironment,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  })
}

const announce = (server: ChildProcess, port: number) => {
  let announced = false
  let seen = ''
  server.stderr?.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk)
    if (announced) return
    seen = (seen + chunk.toString('utf8')).slice(-10_000)
    if (!seen.includes(readyLine)) return
    announced = true
    process.stdout.write(`ready 127.0.0.1:${port}\n`)
  })
}

/** Fast shutdown (clients are cut off, everything is checkpointed), past the limit immediate shutdown. */
const stop = async (server: ChildProcess) => {
  server.kill('SIGINT')
  await delay(postgresFastStopMsMax, undefined, { ref: false })
  server.kill('SIGQUIT')
}

const guard = async (order: GuardianOrder) => {
  let wanted = true
  let server: ChildProcess | undefined
  const end = () => {
    if (!wanted) return
    wanted = false
    if (server) void stop(server)
  }
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, end)
  process.stdin.on('end', end).on('error', end).on('close', end).resume()
  // Writing to a parent that was killed must not end the guardian before Postgres has stopped.
  process.stdout.on('error', end)
  process.stderr.on('error', end)

  await endOrphan(order.cluster)
  if (!wanted) process.exit(0)
  server = startServer(order)
  announce(server, order.port)
  server.once('error', (error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
  server.once('exit', (code, signal) => {
    const leave = () => {
      // Ends as the server did, so that whoever watches the guardian sees that it was killed.
      if (wanted && signal === 'SIGKILL') process.kill(process.pid, signal)
      process.exit(wanted ? (code ?? 1) || 1 : 0)
    }
    // Its children hold the shared memory and our pipe until they have seen that it is gone.
    server?.once('close', leave)
    setTimeout(leave, postgresLastWordsMsMax)
  })
}

await guard(JSON.parse(process.argv[2] ?? '{}'))

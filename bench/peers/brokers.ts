import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { startProgram } from '../support/programs.ts'
import { freePort, installed, pausing, type RunningPeer, startPeer } from './peer.ts'

const topic = 'v1/devices/me/heartbeat'

/** As which the load signs in, and with what, where a peer asks; Lapel ignores the name. */
const username = 'device'
export const peerPassword = 'device'

/**
 * A subscriber that was here once and is to come back: for it the broker has to keep every message of QoS 1. Without one there is
 * nothing to store.
 */
const leaveSubscriber = async (port: number): Promise<void> => {
  const client = await mqtt.connectAsync({
    port,
    host: '127.0.0.1',
    protocolVersion: 4,
    clientId: 'keeper',
    clean: false,
    username,
    password: peerPassword,
  })
  await client.subscribeAsync(topic, { qos: 1 })
  await client.endAsync(true)
}

const withSubscriber = async (starting: Promise<RunningPeer>): Promise<RunningPeer> => {
  const peer = await starting
  try {
    await leaveSubscriber(peer.port)
    return peer
  } catch (error) {
    await peer.stop()
    throw error
  }
}

const bareAedes = async (): Promise<RunningPeer> => {
  const { ready, pid, stop } = await startProgram('bench/peers/bare-aedes.ts')
  const { pause, resume } = pausing(pid)
  const end = () => {
    resume()
    return stop()
  }
  return { name: 'bare aedes', port: Number(ready), pid, pause, resume, stop: end }
}

const mosquitto = (command: string): Promise<RunningPeer> =>
  startPeer('mosquitto', async (folder, port) => {
    const file = join(folder, 'mosquitto.conf')
    const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'log_type error']
    await writeFile(file, `${lines.join('\n')}\n`)
    return { command, args: ['-c', file] }
  })

const nats = (command: string): Promise<RunningPeer> =>
  withSubscriber(
    startPeer('nats jetstream', async (folder, port) => {
      const file = join(folder, 'nats.conf')
      const config = [
        'server_name: bench',
        `listen: "127.0.0.1:${await freePort()}"`,
        `jetstream { store_dir: ${JSON.stringify(join(folder, 'store'))} }`,
        `mqtt { listen: "127.0.0.1:${port}" }`,
      ]
      await writeFile(file, `${config.join('\n')}\n`)
      return { command, args: ['-c', file] }
    }),
  )

/** The name service of Erlang's nodes, on a port of its own, in the group that ends with the broker. */
const withNameService = (command: string): readonly string[] => [
  '-c',
  'epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$0"',
  command,
]

const rabbitmq = (command: string): Promise<RunningPeer> =>
  withSubscriber(
    startPeer('rabbitmq durable', async (folder, port) => {
      const at = (name: string) => join(folder, name)
      const config = [
        `listeners.tcp.1 = 127.0.0.1:${await freePort()}`,
        `mqtt.listeners.tcp.1 = 127.0.0.1:${port}`,
        `default_user = ${username}`,
        `default_pass = ${peerPassword}`,
      ]
      await writeFile(at('rabbitmq.conf'), `${config.join('\n')}\n`)
      await writeFile(at('plugins'), '[rabbitmq_mqtt].\n')
      return {
        command: '/bin/sh',
        args: withNameService(command),
        env: {
          HOME: folder,
          ERL_EPMD_PORT: `${await freePort()}`,
          RABBITMQ_NODENAME: 'bench@localhost',
          RABBITMQ_DIST_PORT: `${await freePort()}`,
          RABBITMQ_MNESIA_BASE: at('mnesia'),
          RABBITMQ_LOG_BASE: at('log'),
          RABBITMQ_PID_FILE: at('pid'),
          RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
          RABBITMQ_ENABLED_PLUGINS_FILE: at('plugins'),
        },
      }
    }),
  )

const optional: readonly {
  readonly files: readonly string[]
  readonly start: (command: string) => Promise<RunningPeer>
}[] = [
  { files: ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'], start: mosquitto },
  { files: ['/usr/sbin/nats-server', '/usr/bin/nats-server'], start: nats },
  { files: ['/usr/lib/rabbitmq/bin/rabbitmq-server'], start: rabbitmq },
]

/** Bare Aedes, and of Mosquitto, NATS JetStream and RabbitMQ whatever Debian's packages brought. */
export const startBrokers = async (): Promise<readonly RunningPeer[]> => {
  const peers = [await bareAedes()]
  for (const { files, start } of optional) {
    const command = installed(...files)
    if (command === undefined) continue
    const peer = await start(command).catch((error: unknown) => console.error(`${error}`))
    if (peer) peers.push(peer)
  }
  return peers
}

import { inParallel } from './lapel.ts'
import { type MqttSocket, openMqtt } from './mqtt-socket.ts'

export type Connected = {
  readonly mqtt: MqttSocket
  /** From the first byte of the handshake to CONNACK, the one that let it in. */
  readonly connectMs: number
  /** When the broker closed it, by `performance.now()`. */
  readonly closedAt: Promise<number>
}

const triesMax = 30
const againMs = 200

const tryOpen = async (port: number, password: string): Promise<Connected> => {
  const from = performance.now()
  let closed = (_at: number) => {}
  const closedAt = new Promise<number>((resolve) => {
    closed = resolve
  })
  const mqtt = await openMqtt(
    port,
    { clientId: 'crowd', password, keepAliveSeconds: 600 },
    { onAcks: () => {}, onClose: () => closed(performance.now()) },
  )
  return { mqtt, connectMs: performance.now() - from, closedAt }
}

/** As a device does: whoever is told to come back comes back. */
const open = async (port: number, password: string): Promise<Connected> => {
  for (let tries = 1; ; tries += 1)
    try {
      return await tryOpen(port, password)
    } catch (error) {
      if (tries === triesMax) throw error
      await new Promise((resolve) => setTimeout(resolve, againMs * (1 + Math.random())))
    }
}

/** Connects a device for each password, so many at once. */
export const openCrowd = (
  port: number,
  passwords: readonly string[],
  atOnce = 200,
): Promise<readonly Connected[]> =>
  inParallel(passwords.length, atOnce, (i) => open(port, passwords[i] ?? ''))

import type { Client } from 'aedes'
import {
  mqttClientPendingBytesMax,
  mqttPendingBytesMax,
  mqttPendingMessagesMax,
} from '../../protocol/limits.ts'
import { goOnReading, stopReading } from './aedes-client.ts'

/** How much of a client waits, and whether that is why it is not read. */
export type Load = { bytes: number; isOver: boolean }

/**
 * The high-water mark over everything that waits for the log, whoever sent it, in messages and in bytes, and one over what a client
 * has waiting: past it a client that sends is read no further, until half of it is stored.
 */
export class Pressure {
  readonly #stopped = new Set<Client>()
  #messages = 0
  #bytes = 0

  add(client: Client, load: Load, bytes: number): void {
    this.#messages += 1
    this.#bytes += bytes
    load.bytes += bytes
    if (load.bytes > mqttClientPendingBytesMax) {
      load.isOver = true
      stopReading(client, 'own bytes')
    }
    if (this.#messages <= mqttPendingMessagesMax && this.#bytes <= mqttPendingBytesMax) return
    stopReading(client, 'pressure')
    this.#stopped.add(client)
  }

  remove(client: Client, load: Load, bytes: number): void {
    this.#messages -= 1
    this.#bytes -= bytes
    load.bytes -= bytes
    if (load.isOver && load.bytes <= mqttClientPendingBytesMax / 2) {
      load.isOver = false
      goOnReading(client, 'own bytes')
    }
    if (this.#stopped.size === 0 || !this.#isLow()) return
    for (const one of this.#stopped) goOnReading(one, 'pressure')
    this.#stopped.clear()
  }

  get messages(): number {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  #isLow(): boolean {
    return this.#messages <= mqttPendingMessagesMax / 2 && this.#bytes <= mqttPendingBytesMax / 2
  }
}

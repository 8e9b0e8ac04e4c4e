import type { Client } from 'aedes'
import {
  mqttClientPendingBytesMax,
  mqttHeldBackBytesMax,
  mqttPendingBytesMax,
  mqttPendingMessagesMax,
} from '../../protocol/limits.ts'
import { goOnReading, stopReading } from './aedes-client.ts'

/** How much of a client waits, and whether that is why it is not read. */
export type Load = { bytes: number; isOver: boolean }

/**
 * The high-water marks. One over everything that waits for the log, whoever sent it, in messages and in bytes: past it a client that
 * sends is read no further, until half of it is stored. One over what a client has waiting. One over what is held back because it is
 * over a rate, which stops none but those whose it is.
 */
export class Pressure {
  readonly #stopped = new Set<Client>()
  #messages = 0
  #bytes = 0
  #heldBackBytes = 0

  get messages(): number {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A message came. */
  receive(client: Client, load: Load, bytes: number): void {
    load.bytes += bytes
    if (load.bytes <= mqttClientPendingBytesMax) return
    load.isOver = true
    stopReading(client, 'own bytes')
  }

  /** It is done with. */
  done(client: Client, load: Load, bytes: number): void {
    load.bytes -= bytes
    if (!load.isOver || load.bytes > mqttClientPendingBytesMax / 2) return
    load.isOver = false
    goOnReading(client, 'own bytes')
  }

  /** It waits until it is its turn. */
  holdBack(client: Client, bytes: number): void {
    this.#heldBackBytes += bytes
    if (this.#heldBackBytes > mqttHeldBackBytesMax) stopReading(client, 'rate')
  }

  /** That is over. */
  letGo(client: Client, bytes: number): void {
    this.#heldBackBytes -= bytes
    goOnReading(client, 'rate')
  }

  /** It waits for the log. */
  enter(client: Client, bytes: number): void {
    this.#messages += 1
    this.#bytes += bytes
    if (this.#messages <= mqttPendingMessagesMax && this.#bytes <= mqttPendingBytesMax) return
    stopReading(client, 'pressure')
    this.#stopped.add(client)
  }

  /** The log has it, or will not. */
  leave(bytes: number): void {
    this.#messages -= 1
    this.#bytes -= bytes
    if (this.#stopped.size === 0 || !this.#isLow()) return
    for (const one of this.#stopped) goOnReading(one, 'pressure')
    this.#stopped.clear()
  }

  #isLow(): boolean {
    return this.#messages <= mqttPendingMessagesMax / 2 && this.#bytes <= mqttPendingBytesMax / 2
  }
}

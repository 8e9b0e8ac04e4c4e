import type { Client } from 'aedes'
import { mqttUnreadBytesMax } from '../../protocol/limits.ts'
import { cut, refreshKeepAlive } from './aedes-client.ts'

/** PUBACK of each message, in this order (MQTT 3.1.1, section 3.4). */
export const pubacks = (ids: readonly number[]): Buffer => {
  const bytes = Buffer.allocUnsafe(4 * ids.length)
  for (const [i, id] of ids.entries()) {
    bytes[4 * i] = 0x40
    bytes[4 * i + 1] = 2
    bytes.writeUInt16BE(id, 4 * i + 2)
  }
  return bytes
}

/**
 * Collects what one turn of the loop acknowledges and writes it at its end, one write a client: a commit acknowledges many messages
 * of many devices.
 */
export class Acknowledgements {
  readonly #ids = new Map<Client, number[]>()

  add(client: Client, id: number): void {
    const ids = this.#ids.get(client)
    if (ids) ids.push(id)
    else {
      if (this.#ids.size === 0) process.nextTick(() => this.#write())
      this.#ids.set(client, [id])
    }
  }

  #write(): void {
    const all = [...this.#ids]
    this.#ids.clear()
    for (const [client, ids] of all) {
      if (client.closed) continue
      client.conn.write(pubacks(ids))
      refreshKeepAlive(client)
      // A device that does not read its acknowledgements is cut before they fill the memory.
      if (client.conn.writableLength > mqttUnreadBytesMax) cut(client)
    }
  }
}

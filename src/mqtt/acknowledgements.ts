import type { Client } from 'aedes'
import { mqttUnreadBytesMax } from '../../protocol/limits.ts'
import { cut, internals, refreshKeepAlive } from './aedes-client.ts'

/** PUBACK, PUBREC, PUBCOMP (MQTT 3.1.1, sections 3.4, 3.5, 3.7) by their first byte. */
const firstByte = { puback: 0x40, pubrec: 0x50, pubcomp: 0x70 } as const
export type Acknowledgement = keyof typeof firstByte

/** Kind and packet id in one number. */
const coded = (kind: Acknowledgement, id: number): number => (firstByte[kind] << 16) | id

const packets = (codes: readonly number[]): Buffer => {
  const bytes = Buffer.allocUnsafe(4 * codes.length)
  for (const [i, code] of codes.entries()) {
    bytes[4 * i] = code >> 16
    bytes[4 * i + 1] = 2
    bytes.writeUInt16BE(code & 0xffff, 4 * i + 2)
  }
  return bytes
}

/**
 * Collects what one turn of the loop acknowledges and writes it at its end, one write a client: a commit acknowledges many messages
 * of many devices.
 */
export class Acknowledgements {
  #codes = new Map<Client, number[]>()

  add(client: Client, kind: Acknowledgement, id: number): void {
    const codes = this.#codes.get(client)
    if (codes) codes.push(coded(kind, id))
    else {
      if (this.#codes.size === 0) process.nextTick(() => this.#write())
      this.#codes.set(client, [coded(kind, id)])
    }
  }

  #write(): void {
    const all = this.#codes
    this.#codes = new Map()
    for (const [client, codes] of all) {
      if (client.closed) continue
      // A device that does not read its acknowledgements is cut: in time, and before they fill the memory.
      if (!client.conn.write(packets(codes))) internals(client).waitForDrain(() => {})
      refreshKeepAlive(client)
      if (client.conn.writableLength > mqttUnreadBytesMax) cut(client)
    }
  }
}

import type { Client } from 'aedes'
import { mqttPipelinedPacketsMax } from '../../protocol/limits.ts'
import { type InboundPacket, internals } from './aedes-client.ts'

/**
 * Packets that a client sends behind its CONNECT without waiting for the CONNACK [MQTT-3.1.4-5]: kept while it signs in, and met
 * in their order once it is admitted. Past the limit the connection is closed.
 */
export class EarlyPackets {
  readonly #packets = new WeakMap<Client, InboundPacket[]>()

  /** Whether the packet was kept for later. */
  keep(client: Client, packet: InboundPacket): boolean {
    if (!client.connecting || packet.cmd === 'connect') return false
    const packets = this.#packets.get(client) ?? []
    if (packets.length >= mqttPipelinedPacketsMax)
      client.emit('error', new Error(`more than ${mqttPipelinedPacketsMax} packets before CONNACK`))
    else this.#packets.set(client, [...packets, packet])
    return true
  }

  release(client: Client): void {
    const packets = this.#packets.get(client) ?? []
    this.#packets.delete(client)
    for (const packet of packets) internals(client)._parser.emit('packet', packet)
  }
}

import { mqttInflightQos2Max } from '../../protocol/limits.ts'

/**
 * The packet ids of QoS 2 messages between PUBLISH and PUBREL (MQTT 3.1.1, section 4.3.3): a repeat in between is not stored again.
 * Nothing is kept of a message but its id.
 */
export class ExactlyOnce {
  readonly #ids = new Map<number, 'pending' | 'stored'>()

  /** `too-many`: a device that withholds its PUBRELs. */
  meet(id: number): 'new' | 'pending' | 'stored' | 'too-many' {
    const known = this.#ids.get(id)
    if (known) return known
    if (this.#ids.size >= mqttInflightQos2Max) return 'too-many'
    this.#ids.set(id, 'pending')
    return 'new'
  }

  stored(id: number): void {
    if (this.#ids.has(id)) this.#ids.set(id, 'stored')
  }

  release(id: number): void {
    this.#ids.delete(id)
  }
}

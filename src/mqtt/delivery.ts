import { mqttInflightMax } from '../../protocol/limits.ts'
import type { Acknowledgements } from './acknowledgements.ts'
import { goOnReading } from './aedes-client.ts'
import type { Slot } from './completions.ts'
import type { Connection } from './connection.ts'
import type { BrokerDeps } from './ports.ts'
import type { Pressure } from './pressure.ts'

/** What all messages of a broker have in common. */
export type Edge = {
  readonly deps: BrokerDeps
  readonly pressure: Pressure
  readonly acknowledgements: Acknowledgements
}

/** What has to be known of a message to acknowledge it. */
export type Received = {
  readonly qos: 0 | 1 | 2
  /** The packet id; of no meaning for QoS 0. */
  readonly id: number
  /** Bytes of the payload. */
  readonly length: number
}

/** Once enough of what it sent is stored, a client is read again. */
const goOn = (connection: Connection): void => {
  if (!connection.held || connection.completions.waiting > mqttInflightMax / 2) return
  connection.held = false
  goOnReading(connection.client, 'inflight')
}

/**
 * One message of one device on its way: ended once, acknowledged in its turn. QoS 0 is taken and promised nothing: it does not hold up
 * what comes behind it. Thousands wait at a time, so that it holds nothing of the message itself, and is the one object that waits.
 */
export class Delivery implements Slot {
  readonly edge: Edge
  readonly connection: Connection
  readonly #received: Received
  #isEntered = false
  #ended = false
  #error: Error | undefined

  constructor(edge: Edge, connection: Connection, received: Received) {
    this.edge = edge
    this.connection = connection
    this.#received = received
    if (received.qos > 0) connection.completions.add(this)
    edge.pressure.receive(connection.client, connection.load, received.length)
  }

  get ended(): boolean {
    return this.#ended
  }

  get error(): Error | undefined {
    return this.#error
  }

  /** Since it waits for the log. */
  enter(): void {
    this.#isEntered = true
    this.edge.pressure.enter(this.connection.client, this.#received.length)
  }

  /** Acknowledges it in its turn, or closes the connection. */
  end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    const { edge, connection } = this
    const { qos, length } = this.#received
    if (this.#isEntered) edge.pressure.leave(length)
    edge.pressure.done(connection.client, connection.load, length)
    if (qos > 0) connection.completions.drain()
    else if (error && connection.isOverRate && !connection.client.closed)
      connection.client.emit('error', error)
  }

  leave(): void {
    if (this.#error) this.connection.client.emit('error', this.#error)
    else this.#acknowledge()
    goOn(this.connection)
  }

  #acknowledge(): void {
    const { client, exactlyOnce } = this.connection
    const { qos, id } = this.#received
    if (qos === 2) exactlyOnce.stored(id)
    this.edge.acknowledgements.add(client, qos === 2 ? 'pubrec' : 'puback', id)
  }
}

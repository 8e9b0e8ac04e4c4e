import type { Client } from 'aedes'
import { mqttSliceMsMax, mqttUnparsedBytesMax, mqttUnreadBytesMax } from '../../protocol/limits.ts'
import { cut, goOnReading, internals, stopReading } from './aedes-client.ts'

type Chunk = { readonly client: Client; readonly bytes: Buffer }

/**
 * What the sockets bring, parsed in slices, first come, first served: between two slices appends leave and their answers are met,
 * so that thousands of messages that come at once do not hold up what is already on its way.
 */
export class Intake {
  readonly #monotonic: () => number
  #chunks: Chunk[] = []
  #first = 0
  #bytes = 0
  #scheduled = false

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** A client is read no further while too much of all waits to be parsed. */
  add(client: Client, bytes: Buffer): void {
    this.#chunks.push({ client, bytes })
    this.#bytes += bytes.length
    if (this.#bytes > mqttUnparsedBytesMax) stopReading(client, 'unparsed')
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#slice())
  }

  #slice(): void {
    this.#scheduled = false
    const until = this.#monotonic() + mqttSliceMsMax
    for (let chunk = this.#next(); chunk; chunk = this.#next()) {
      this.#parse(chunk)
      if (this.#monotonic() >= until) break
    }
    if (this.#first < this.#chunks.length) this.#schedule()
    this.#chunks = this.#chunks.slice(this.#first)
    this.#first = 0
  }

  #next(): Chunk | undefined {
    const chunk = this.#chunks[this.#first]
    if (chunk) this.#first += 1
    return chunk
  }

  #parse({ client, bytes }: Chunk): void {
    this.#bytes -= bytes.length
    goOnReading(client, 'unparsed')
    if (client.closed) return
    // A device that does not read its answers is cut before they fill the memory.
    if (client.conn.writableLength > mqttUnreadBytesMax) cut(client)
    else internals(client)._parser.parse(bytes)
  }
}

import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js'
import type { ServerWritableStream } from '@grpc/grpc-js'

/** A message of a read: events are encoded already. */
export type ReadMessage = ReadResp | Buffer
export type ReadCall = ServerWritableStream<ReadReq, ReadMessage>
/** A call that stays open, and that a stop ends. */
export type OpenCall = { emit(event: 'error', error: unknown): boolean }

/** The reader went away: whoever feeds it stops. */
export class Gone extends Error {
  override readonly name = 'Gone'
}

/** Writes to one reader at the reader's pace: what it does not take is not read from the log either. */
export class Sender {
  readonly #call: ReadCall
  #gone = false
  #wake = () => {}

  constructor(call: ReadCall) {
    this.#call = call
    call.on('drain', () => this.#wake())
    call.on('cancelled', () => this.#leave())
    call.on('close', () => this.#leave())
    call.on('error', () => this.#leave())
  }

  #leave(): void {
    this.#gone = true
    this.#wake()
  }

  get gone(): boolean {
    return this.#gone || this.#call.cancelled
  }

  async send(message: ReadMessage): Promise<void> {
    if (this.gone) throw new Gone()
    if (this.#call.write(message)) return
    await this.idle()
    if (this.gone) throw new Gone()
  }

  /** Until the reader takes more, leaves, or `wake` is called. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      if (this.gone) resolve()
    })
  }

  wake(): void {
    this.#wake()
  }
}

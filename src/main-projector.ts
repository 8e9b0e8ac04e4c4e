import { Worker } from 'node:worker_threads'
import {
  projectorRestartMs,
  projectorStopMsMax,
  projectorYoungMegabytesMax,
} from '../protocol/limits.ts'
import { type BusyFlag, watchLoop } from './main-busy.ts'
import type { Audience, Following, Standing } from './projecting/audience.ts'
import type { Mover } from './projecting/keep-moving.ts'
import type { RebuildProgress } from './projecting/rebuild.ts'
import type { RebuildOptions, RebuildOutcome } from './projecting/rebuilds.ts'
import type { Log } from './store/log.ts'
import type { Meter } from './store/meter.ts'

/** What the thread is started with. */
export type ThreadData = {
  readonly databaseUrl: string
  readonly eventStoreUrl: string
  readonly kek: readonly (readonly [kid: string, key: Uint8Array])[]
  readonly heartbeatDays: number
  /** Of the loop that acknowledges. */
  readonly busy: BusyFlag
}

export type ToThread =
  | { readonly kind: 'rebuild'; readonly id: number; readonly names: readonly string[] | undefined }
  | { readonly kind: 'break-off'; readonly id: number }
  | { readonly kind: 'close' }

/** The two followers that run in it. */
export type Follower = 'models' | 'heartbeats'

export type FromThread =
  | { readonly kind: 'reached'; readonly of: Follower; readonly position: bigint }
  | { readonly kind: 'standing'; readonly of: Follower; readonly standing: Standing }
  | {
      readonly kind: 'log'
      readonly level: keyof Log
      readonly fields: object
      readonly message: string
    }
  | { readonly kind: 'count' | 'observe'; readonly name: string; readonly value: number }
  | { readonly kind: 'rebuilding'; readonly id: number; readonly progress: RebuildProgress }
  | { readonly kind: 'rebuilt'; readonly id: number; readonly outcome: RebuildOutcome }
  | { readonly kind: 'rebuild-failed'; readonly id: number; readonly message: string }

type Options = {
  readonly data: Omit<ThreadData, 'busy'>
  readonly log: Log
  readonly meter: Meter
}

type Waiting = {
  readonly resolve: (outcome: RebuildOutcome) => void
  readonly reject: (error: Error) => void
  readonly onProgress: NonNullable<RebuildOptions['onProgress']>
}

const thread = new URL('./main-projector-thread.ts', import.meta.url)

/** The thread, started again when it breaks. */
class ProjectorThread {
  readonly #options: Options
  readonly #loop = watchLoop()
  readonly #audiences = new Map<Follower, Audience>()
  readonly #rebuilds = new Map<number, Waiting>()
  #worker: Worker
  #ended: Promise<void> = Promise.resolve()
  #restart: NodeJS.Timeout | undefined
  #closing = false
  #closed: Promise<void> | undefined
  #lastId = 0

  constructor(options: Options) {
    this.#options = options
    this.#worker = this.#start()
  }

  tell(of: Follower, audience: Audience): void {
    this.#audiences.set(of, audience)
  }

  #start(): Worker {
    const worker = new Worker(thread, {
      workerData: { ...this.#options.data, busy: this.#loop.flag } satisfies ThreadData,
      // A batch outlives many a small young generation, and would be copied each time.
      resourceLimits: { maxYoungGenerationSizeMb: projectorYoungMegabytesMax },
    })
    worker.on('message', (message: FromThread) => this.#take(message))
    worker.on('error', (error) => {
      this.#options.log.error({ error }, 'the thread of the projector broke: it is started again')
      for (const audience of this.#audiences.values())
        audience.standing({ caughtUp: false, failure: error.message })
    })
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        resolve()
        this.#failRebuilds()
        if (!this.#closing) this.#restart = setTimeout(() => this.#again(), projectorRestartMs)
      })
    })
    return worker
  }

  #again(): void {
    this.#worker = this.#start()
  }

  #take(message: FromThread): void {
    const { log, meter } = this.#options
    switch (message.kind) {
      case 'reached':
        this.#audiences.get(message.of)?.reached(message.position)
        break
      case 'standing':
        this.#audiences.get(message.of)?.standing(message.standing)
        break
      case 'log':
        log[message.level](message.fields, message.message)
        break
      case 'count':
        meter.count(message.name, message.value)
        break
      case 'observe':
        meter.observe(message.name, message.value)
        break
      case 'rebuilding':
        this.#rebuilds.get(message.id)?.onProgress(message.progress)
        break
      case 'rebuilt':
        this.#settle(message.id)?.resolve(message.outcome)
        break
      case 'rebuild-failed':
        this.#settle(message.id)?.reject(new Error(message.message))
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#rebuilds.get(id)
    this.#rebuilds.delete(id)
    return waiting
  }

  /** Nothing was changed, and whoever asks again may find it started anew. */
  #failRebuilds(): void {
    for (const id of this.#rebuilds.keys()) this.#settle(id)?.resolve({ kind: 'unavailable' })
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  rebuild(
    names?: readonly string[],
    { onProgress = () => {}, signal }: RebuildOptions = {},
  ): Promise<RebuildOutcome> {
    this.#lastId += 1
    const id = this.#lastId
    signal?.addEventListener('abort', () => this.#send({ kind: 'break-off', id }), { once: true })
    return new Promise((resolve, reject) => {
      this.#rebuilds.set(id, { resolve, reject, onProgress })
      this.#send({ kind: 'rebuild', id, names })
      if (signal?.aborted) this.#send({ kind: 'break-off', id })
    })
  }

  /** May be called again. */
  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    this.#closing = true
    this.#loop.end()
    clearTimeout(this.#restart)
    this.#send({ kind: 'close' })
    const slow = setTimeout(() => void this.#worker.terminate(), projectorStopMsMax)
    await this.#ended
    clearTimeout(slow)
  }
}

/** What runs in the thread: each tells its audience, and ends with the thread. */
export type InThread = {
  readonly models: (audience: Audience) => Mover
  readonly heartbeats: (audience: Audience) => Following
}

/**
 * Moves the read models in a thread of its own: decoding and folding the log costs as much as taking it in, and would share one loop
 * with the devices' acknowledgements.
 */
export const startProjectorThread = (options: Options): InThread => {
  const thread = new ProjectorThread(options)
  const close = () => thread.close()
  return {
    models: (audience) => {
      thread.tell('models', audience)
      return { rebuild: (names, given) => thread.rebuild(names, given), close }
    },
    heartbeats: (audience) => {
      thread.tell('heartbeats', audience)
      return { close }
    },
  }
}

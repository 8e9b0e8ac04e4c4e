import { setTimeout as delay } from 'node:timers/promises'
import { uploadedAtOnceMax, uploadMsMax } from '../../../protocol/limits-recordings.ts'
import type { Grant } from '../../../protocol/recording-payloads.ts'

export type Upload = {
  readonly name: string
  readonly grant: Grant
  /** The bytes as they are now; `undefined`: they are needed no more. */
  readonly body: () => Buffer | undefined
  /** It is in the object store, by this PUT or an earlier one. */
  readonly stored: () => void
  /** The grant is of no use: announce it again. */
  readonly refused: () => void
}

const retryMs = 500

const isOver = ({ grant }: Upload): boolean => Date.parse(grant.expires_at) <= Date.now()

/** The status of a PUT; `undefined`: no answer came. */
const put = async (
  { grant }: Upload,
  body: Buffer,
  stop: AbortSignal,
): Promise<number | undefined> => {
  const { method, url, headers } = grant
  const signal = AbortSignal.any([stop, AbortSignal.timeout(uploadMsMax)])
  try {
    const response = await fetch(url, { method, headers, signal, body: new Uint8Array(body) })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  }
}

/** What a device makes of an answer; `undefined`: it puts again. */
const meaning = (status: number | undefined): 'stored' | 'refused' | undefined => {
  if (status === 200 || status === 412) return 'stored'
  return status === 400 || status === 403 ? 'refused' : undefined
}

/** What a device puts where its grants say, a few at once, each until it is there or its grant is over. A power cut forgets all of it. */
export class Uploads {
  #waiting = new Map<string, Upload>()
  #running = new Set<string>()
  #stopping = new AbortController()

  add(upload: Upload): void {
    this.#waiting.set(upload.name, upload)
    this.#next()
  }

  forget(): void {
    this.#stopping.abort()
    this.#stopping = new AbortController()
    this.#waiting = new Map()
    this.#running = new Set()
  }

  #next(): void {
    for (const [name, upload] of this.#waiting) {
      if (this.#running.size >= uploadedAtOnceMax) return
      if (this.#running.has(name)) continue
      this.#waiting.delete(name)
      this.#start(upload)
    }
  }

  #start(upload: Upload): void {
    const running = this.#running
    running.add(upload.name)
    void this.#run(upload, this.#stopping.signal).finally(() => {
      running.delete(upload.name)
      this.#next()
    })
  }

  async #run(upload: Upload, stop: AbortSignal): Promise<void> {
    for (; !stop.aborted; await delay(retryMs * Math.random())) {
      const body = upload.body()
      if (!body) return
      if (isOver(upload)) return upload.refused()
      const ended = meaning(await put(upload, body, stop))
      if (ended && !stop.aborted) return upload[ended]()
    }
  }
}

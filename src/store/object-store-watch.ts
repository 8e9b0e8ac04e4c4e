import type { Log } from './log.ts'
import type { ObjectStore } from './object-store.ts'

const pollMs = 1_000

/** Whether the object store answers, asked again and again. */
export type ObjectStoreWatch = {
  /** As it was when it was asked last; at first it is believed. */
  readonly isUp: () => boolean
  /** Called whenever it answers again. */
  readonly onUp: (listener: () => void) => void
  readonly close: () => void
}

export const watchObjectStore = (
  { check }: Pick<ObjectStore, 'check'>,
  { log, everyMs = pollMs }: { readonly log: Log; readonly everyMs?: number },
): ObjectStoreWatch => {
  const listeners: (() => void)[] = []
  let isUp = true
  let isAsking = false

  const turn = (isUpNow: boolean, error?: unknown): void => {
    if (isUp === isUpNow) return
    isUp = isUpNow
    if (isUp) log.info({}, 'the object store answers again')
    else log.warn({ error }, 'the object store does not answer: upload grants wait')
    if (isUp) for (const listener of listeners) listener()
  }

  const ask = (): void => {
    if (isAsking) return
    isAsking = true
    check()
      .then(
        () => turn(true),
        (error: unknown) => turn(false, error),
      )
      .finally(() => {
        isAsking = false
      })
  }

  const timer = setInterval(ask, everyMs)
  timer.unref()
  ask()
  return {
    isUp: () => isUp,
    onUp: (listener) => void listeners.push(listener),
    close: () => clearInterval(timer),
  }
}

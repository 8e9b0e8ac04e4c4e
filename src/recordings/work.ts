import { ShortLived } from '../../protocol/short-lived.ts'
import type { Log } from '../store/log.ts'
import type { Place } from './ports.ts'

type Task = {
  readonly place: Place
  /** Which chunks; `undefined`: all that are awaited. */
  indices: Set<number> | undefined
  readonly done: { readonly resolve: () => void; readonly promise: Promise<void> }
}

export type Work = {
  /** Resolves when it was done once after this call, or was passed over because too much waits. */
  readonly ask: (place: Place, indices?: readonly number[]) => Promise<void>
  readonly waiting: () => number
  /** Nothing new is begun; resolves when what is under way has ended. */
  readonly close: () => Promise<void>
}

type Options = {
  readonly atOnceMax: number
  readonly waitingMax: number
  readonly log: Log
  readonly run: (place: Place, indices: readonly number[] | undefined) => Promise<void>
}

const keyOf = ({ project, recording }: Place): string => `${project}/${recording}`

const newTask = (place: Place, indices: readonly number[] | undefined): Task => ({
  place,
  indices: indices && new Set(indices),
  done: Promise.withResolvers<void>(),
})

/** What is asked of a recording many times while it waits is done once; never twice at a time. What fails is left to the sweep. */
export const createWork = ({ atOnceMax, waitingMax, log, run }: Options): Work => {
  const waiting = new ShortLived<string, Task>()
  const running = new ShortLived<string, Promise<void>>()
  let isClosed = false

  const start = (key: string, { place, indices, done }: Task): void => {
    waiting.delete(key)
    const ended = run(place, indices && [...indices])
      .catch((err: unknown) => log.warn({ err, ...place }, 'left to the next sweep'))
      .finally(() => {
        running.delete(key)
        done.resolve()
        startNext()
      })
    running.set(key, ended)
  }

  const startNext = (): void => {
    for (const [key, task] of waiting.entries()) {
      if (running.size >= atOnceMax) return
      if (!running.has(key)) start(key, task)
    }
  }

  const join = (task: Task, indices: readonly number[] | undefined): void => {
    if (indices) for (const index of indices) task.indices?.add(index)
    else task.indices = undefined
  }

  return {
    ask: (place, indices) => {
      const key = keyOf(place)
      const known = waiting.get(key)
      if (known) join(known, indices)
      if (isClosed || (!known && waiting.size >= waitingMax)) return Promise.resolve()
      const task = known ?? newTask(place, indices)
      waiting.set(key, task)
      startNext()
      return task.done.promise
    },
    waiting: () => waiting.size + running.size,
    close: async () => {
      isClosed = true
      for (const { done } of waiting.values()) done.resolve()
      waiting.clear()
      await Promise.all(running.values())
    },
  }
}

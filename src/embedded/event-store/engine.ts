import { randomUUID } from 'node:crypto'
import {
  eventStoreScavengeAgeMsMin,
  eventStoreScavengeEveryMs,
} from '../../../protocol/limits-embedded.ts'
import { type Databases, openDatabases } from './database.ts'
import { LogReader } from './log-reader.ts'
import { endOf, Rows } from './rows.ts'
import { Scavenger } from './scavenger.ts'
import { Gone, type Sender } from './sender.ts'
import type { Commits } from './subscriptions.ts'
import { Tail } from './tail.ts'
import { Writer } from './writer.ts'

export type EngineOptions = {
  readonly dataDir: string
  readonly now: () => number
  /** An error of the disk after which nothing may be acknowledged: the process must end. */
  readonly onBroken: (error: unknown) => void
  /** `openDatabases` where it is left out. */
  readonly open?: (folder: string) => Promise<Databases>
  /** How often hidden events are looked for, and how old those are that may go. */
  readonly scavenge?: { readonly everyMs: number; readonly ageMs: number }
}

export type Engine = {
  readonly writer: Writer
  readonly reader: LogReader
  readonly commits: Commits
  readonly scavenger: Scavenger
  readonly newId: () => string
  /** After this nothing may be read any more. */
  readonly close: () => void
}

const createCommits = (): Commits & { readonly happened: () => void } => {
  let count = 0
  let waiting = new Set<Sender>()
  return {
    count: () => count,
    after: async (seen, sender) => {
      while (count === seen && !sender.gone) {
        waiting.add(sender)
        await sender.idle()
      }
      waiting.delete(sender)
      if (sender.gone) throw new Gone()
    },
    happened: () => {
      count += 1
      const all = waiting
      waiting = new Set()
      for (const sender of all) sender.wake()
    },
  }
}

/** Opens the log in a folder and what works on it. Throws `DataFolderRefused`. */
export const openEngine = async (options: EngineOptions): Promise<Engine> => {
  const { now, onBroken, open = openDatabases } = options
  const databases = await open(options.dataDir)
  const commits = createCommits()
  const end = endOf(databases.reader)
  const tail = new Tail(end)
  const writer = new Writer({
    writer: databases.writer,
    end,
    now,
    newId: randomUUID,
    onCommit: (rows) => {
      tail.push(rows)
      commits.happened()
    },
    onBroken,
  })
  const head = (stream: string) => writer.head(stream)
  const scavenger = new Scavenger({
    writer: databases.writer,
    head,
    now,
    busyMs: () => writer.busyMs,
    onRemoved: () => tail.clear(),
    onBroken,
  })
  void scavenger.keepClean(
    options.scavenge ?? { everyMs: eventStoreScavengeEveryMs, ageMs: eventStoreScavengeAgeMsMin },
  )
  return {
    writer,
    reader: new LogReader(new Rows(databases.reader, tail), head, now),
    commits,
    scavenger,
    newId: randomUUID,
    close: databases.close,
  }
}

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EventTarget } from './notifications.ts'

const fileIn = (folder: string) => join(folder, 'events.json')

/** Where the store in that folder sends its events from now on: whoever listens is known only once it listens. */
export const writeEventTarget = async (folder: string, { url, token }: EventTarget) => {
  const temporary = `${fileIn(folder)}.${process.pid}`
  await writeFile(temporary, JSON.stringify({ url, token }), { mode: 0o600 })
  await rename(temporary, fileIn(folder))
}

/** Undefined while nobody has said where. */
export const readEventTarget = async (folder: string): Promise<EventTarget | undefined> => {
  const text = await readFile(fileIn(folder), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

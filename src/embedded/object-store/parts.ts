import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { objectStorePartBytesMin } from '../../../protocol/limits-embedded.ts'
import { S3Fault } from './faults.ts'
import { bytesOf, type Described, describe } from './stored-file.ts'

export type Part = Described & { readonly number: number }
export type AskedPart = { readonly number: number; readonly etag: string }

/** The file that grows while the parts of an upload come in one behind the other. */
export const growingPath = (folder: string): string => join(folder, 'whole')
export const partPath = (folder: string, number: number): string => join(folder, String(number))

const partIn = async (folder: string, number: number): Promise<Part | undefined> => {
  const described = await describe(partPath(folder, number))
  return described && { ...described, number }
}

export const partsIn = async (folder: string): Promise<Part[]> => {
  const numbers = (await readdir(folder).catch(() => [])).map(Number).filter(Number.isInteger)
  const sorted = numbers.sort((a, b) => a - b)
  const found = await Promise.all(sorted.map((number) => partIn(folder, number)))
  return found.flatMap((part) => part ?? [])
}

/** The parts that are asked for, all there and in order. Throws `InvalidPart` and its like. */
export const askedParts = async (folder: string, asked: readonly AskedPart[]): Promise<Part[]> => {
  if (asked.length === 0) throw new S3Fault('MalformedXML')
  const parts: Part[] = []
  for (const { number, etag } of asked) {
    if (number <= (parts.at(-1)?.number ?? 0)) throw new S3Fault('InvalidPartOrder')
    const part = await partIn(folder, number)
    if (part?.etag !== etag.replaceAll('"', '')) throw new S3Fault('InvalidPart')
    parts.push(part)
  }
  if (parts.slice(0, -1).some(({ bytes }) => bytes < objectStorePartBytesMin))
    throw new S3Fault('EntityTooSmall')
  return parts
}

async function* bytesOfPart(folder: string, { number, at, bytes }: Part) {
  const handle = await open(at === undefined ? partPath(folder, number) : growingPath(folder), 'r')
  try {
    yield* bytesOf(handle, at ?? 0, bytes)
  } finally {
    await handle.close()
  }
}

/** The bytes of parts, one behind the other, wherever they stand. */
export async function* joined(folder: string, parts: readonly Part[]) {
  for (const part of parts) yield* bytesOfPart(folder, part)
}

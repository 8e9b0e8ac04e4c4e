import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile as writePlain } from 'node:fs/promises'
import { join } from 'node:path'
import {
  objectStorePartBytesMin,
  objectStorePartNumberMax,
  objectStoreUploadAgeMsMax,
} from '../../../protocol/limits-embedded.ts'
import { type ChecksumAlgorithm, compositeOf } from './checksums.ts'
import { type Disk, discard, notThere } from './disk.ts'
import { S3Fault } from './faults.ts'
import type { Locked } from './locks.ts'
import type { Address, Body, Headers, Kept, Objects } from './objects.ts'
import { bytesOf, type Described, describe, openStored } from './stored-file.ts'
import { writeFile } from './write-file.ts'

/** An upload in parts, as it was begun. */
export type Upload = Address & {
  readonly id: string
  readonly initiated: number
  readonly headers: Kept
  readonly algorithm?: ChecksumAlgorithm
}
export type Part = Described & { readonly number: number }
export type AskedPart = { readonly number: number; readonly etag: string }

export type UploadsOptions = {
  readonly root: string
  readonly disk: Disk
  readonly locked: Locked
  readonly objects: Objects
  readonly newId: () => string
  readonly now: () => number
}

const aboutFile = 'upload.json'
const idForm = /^[\da-f]{32}$/

export const parsePartNumber = (text: string | undefined): number => {
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text ?? '') || number < 1 || number > objectStorePartNumberMax)
    throw new S3Fault(
      'InvalidArgument',
      `A part number is a whole number from 1 to ${objectStorePartNumberMax}`,
    )
  return number
}

async function* joined(paths: readonly string[]) {
  for (const path of paths) {
    const file = await openStored(path)
    if (!file) throw new S3Fault('InvalidPart')
    try {
      yield* bytesOf(file.handle, 0, file.bytes)
    } finally {
      await file.handle.close()
    }
  }
}

const readAbout = async (folder: string): Promise<Upload | undefined> => {
  const text = await readFile(join(folder, aboutFile), 'utf8').catch((error: unknown) => {
    if (notThere(error)) return undefined
    throw error
  })
  return text === undefined ? undefined : JSON.parse(text)
}

const partIn = async (folder: string, number: number): Promise<Part | undefined> => {
  const described = await describe(join(folder, String(number)))
  return described && { ...described, number }
}

const partsIn = async (folder: string): Promise<Part[]> => {
  const numbers = (await readdir(folder).catch(() => [])).map(Number).filter(Number.isInteger)
  const sorted = numbers.sort((a, b) => a - b)
  const found = await Promise.all(sorted.map((number) => partIn(folder, number)))
  return found.flatMap((part) => part ?? [])
}

/** The parts that are asked for, all there and in order. Throws `InvalidPart` and its like. */
const askedParts = async (folder: string, asked: readonly AskedPart[]): Promise<Part[]> => {
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

/** S3's ETag of such an object is the MD5 of the parts' MD5s, and how many they are. */
const describeWhole = (upload: Upload, parts: readonly Part[], modified: number): Described => {
  const sums = parts.map(({ etag }) => Buffer.from(etag, 'hex'))
  const md5 = createHash('md5').update(Buffer.concat(sums)).digest('hex')
  const { algorithm, headers } = upload
  const checksum =
    algorithm &&
    compositeOf(
      algorithm,
      parts.map(({ checksum }) => checksum),
    )
  return {
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    etag: `${md5}-${parts.length}`,
    modified,
    headers,
    ...(checksum && { checksum }),
  }
}

/** Uploads in parts, each a folder: what it is for, and a file a part. They survive a restart, and end with a completion, an abort or age. */
export const openUploads = async (options: UploadsOptions) => {
  const { root, disk, locked, objects, newId, now } = options
  const folder = join(root, 'uploads')
  await disk.folder(folder)
  const folderOf = (id: string) => join(folder, id)

  /** Throws `NoSuchUpload`. */
  const find = async (id: string, { bucket, key }: Address): Promise<Upload> => {
    const upload = idForm.test(id) ? await readAbout(folderOf(id)) : undefined
    if (!upload || upload.bucket !== bucket || upload.key !== key) throw new S3Fault('NoSuchUpload')
    return upload
  }

  const begin = async (about: Omit<Upload, 'id' | 'initiated'>): Promise<Upload> => {
    objects.buckets.pathOf(about.bucket)
    const upload = { ...about, id: newId(), initiated: now() }
    const temporary = disk.temporary()
    await writePlain(temporary, JSON.stringify(upload), { mode: 0o600, flag: 'wx', flush: true })
    await disk.place(temporary, join(folderOf(upload.id), aboutFile))
    return upload
  }

  const end = (id: string): Promise<void> =>
    locked(folderOf(id), () => rm(folderOf(id), { recursive: true, force: true }))

  /** Throws `NoSuchUpload` also for one that was ended while the part came in. */
  const put = async (upload: Upload, number: number, body: Body): Promise<Described> => {
    const wanted = body.claims.checksum || body.claims.trailing ? undefined : upload.algorithm
    const claims = { ...body.claims, ...(wanted && { wanted }) }
    const { path, described } = await objects.receive({ ...body, claims }, {})
    await locked(folderOf(upload.id), async () => {
      await find(upload.id, upload)
      await disk.place(path, join(folderOf(upload.id), String(number)))
    }).finally(() => discard(path))
    return described
  }

  const complete = (
    upload: Upload,
    asked: readonly AskedPart[],
    conditions: Headers,
  ): Promise<Described> =>
    locked(folderOf(upload.id), async () => {
      await find(upload.id, upload)
      const parts = await askedParts(folderOf(upload.id), asked)
      const paths = parts.map(({ number }) => join(folderOf(upload.id), String(number)))
      const whole = describeWhole(upload, parts, now())
      const written = await writeFile(disk.temporary(), joined(paths), () => whole)
      await objects.commit(upload, written, conditions)
      await rm(folderOf(upload.id), { recursive: true, force: true })
      return whole
    })

  const list = async (bucket: string): Promise<Upload[]> => {
    const found = await Promise.all((await readdir(folder)).map((id) => readAbout(folderOf(id))))
    return found
      .flatMap((upload) => (upload?.bucket === bucket ? [upload] : []))
      .sort(
        (a, b) =>
          Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || a.initiated - b.initiated,
      )
  }

  /** Ends those that nobody went on with. A folder without a description was being ended. */
  const sweep = async (): Promise<void> => {
    for (const id of await readdir(folder)) {
      const upload = await readAbout(folderOf(id))
      if (now() - (upload?.initiated ?? 0) > objectStoreUploadAgeMsMax) await end(id)
    }
  }

  const parts = (id: string) => partsIn(folderOf(id))
  return { begin, find, put, parts, complete, end, list, sweep }
}
export type Uploads = Awaited<ReturnType<typeof openUploads>>

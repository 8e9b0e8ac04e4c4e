import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import {
  objectStorePartNumberMax,
  objectStoreUploadAgeMsMax,
} from '../../../protocol/limits-embedded.ts'
import { compositeOf } from './checksums.ts'
import { discard } from './disk.ts'
import { S3Fault } from './faults.ts'
import { type Claim, createGrowing, isCompleted, writeClaimed } from './growing.ts'
import type { Body, Headers } from './objects.ts'
import { type AskedPart, askedParts, joined, type Part, partPath, partsIn } from './parts.ts'
import type { Described } from './stored-file.ts'
import { openUploadFolders, type Upload, type UploadsOptions } from './upload-folders.ts'
import { type Written, writeFile } from './write-file.ts'

export const parsePartNumber = (text: string | undefined): number => {
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text ?? '') || number < 1 || number > objectStorePartNumberMax)
    throw new S3Fault(
      'InvalidArgument',
      `A part number is a whole number from 1 to ${objectStorePartNumberMax}`,
    )
  return number
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
  const { disk, locked, objects, now } = options
  const folders = await openUploadFolders(options)
  const { folderOf, find, begin, list } = folders
  const growing = createGrowing()

  const end = (id: string): Promise<void> =>
    locked(folderOf(id), () => rm(folderOf(id), { recursive: true, force: true }))

  const claim = (upload: Upload, number: number): Promise<Claim | undefined> =>
    locked(folderOf(upload.id), async () => {
      await find(upload.id, upload)
      return growing.claim(folderOf(upload.id), number)
    })

  /** Its bytes go into the file that grows where they are the next there. */
  const receive = (body: Body, place: Claim | undefined): Promise<Written> =>
    place
      ? writeClaimed(place, objects.verified(body, {}), disk.temporary())
      : objects.receive(body, {})

  /** Throws `NoSuchUpload` also for one that was ended while the part came in. */
  const put = async (upload: Upload, number: number, body: Body): Promise<Described> => {
    const wanted = body.claims.checksum || body.claims.trailing ? undefined : upload.algorithm
    const claims = { ...body.claims, ...(wanted && { wanted }) }
    const place = await claim(upload, number)
    try {
      const { path, described } = await receive({ ...body, claims }, place)
      await locked(folderOf(upload.id), async () => {
        await find(upload.id, upload)
        await disk.place(path, partPath(folderOf(upload.id), number))
      }).finally(() => discard(path))
      return described
    } finally {
      await place?.release()
    }
  }

  const complete = (
    upload: Upload,
    asked: readonly AskedPart[],
    conditions: Headers,
  ): Promise<Described> =>
    locked(folderOf(upload.id), async () => {
      await find(upload.id, upload)
      const folder = folderOf(upload.id)
      const parts = await askedParts(folder, asked)
      const described = describeWhole(upload, parts, now())
      const path = disk.temporary()
      const written =
        (await growing.finish(folder, parts, { path, described })) ??
        (await writeFile(path, joined(folder, parts), () => described))
      await objects.commit(upload, written, conditions)
      await rm(folder, { recursive: true, force: true })
      return described
    })

  /** Those whose object was named, and whose folder was to go next, when the store ended. */
  const endCompleted = (id: string): Promise<void> =>
    locked(folderOf(id), async () => {
      if (await isCompleted(folderOf(id))) await rm(folderOf(id), { recursive: true, force: true })
    })

  /** Ends those that nobody went on with. A folder without a description was being ended. */
  const sweep = async (): Promise<void> => {
    for (const id of await folders.ids()) {
      const upload = await folders.about(id)
      if (now() - (upload?.initiated ?? 0) > objectStoreUploadAgeMsMax) await end(id)
      else await endCompleted(id)
    }
  }

  const parts = (id: string) => partsIn(folderOf(id))
  return { begin, find, put, parts, complete, end, list, sweep }
}
export type Uploads = Awaited<ReturnType<typeof openUploads>>

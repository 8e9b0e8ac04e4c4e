import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChecksumAlgorithm } from './checksums.ts'
import { type Disk, notThere } from './disk.ts'
import { S3Fault } from './faults.ts'
import type { Locked } from './locks.ts'
import type { Address, Kept, Objects } from './objects.ts'

export type UploadsOptions = {
  readonly root: string
  readonly disk: Disk
  readonly locked: Locked
  readonly objects: Objects
  readonly newId: () => string
  readonly now: () => number
}

/** An upload in parts, as it was begun. */
export type Upload = Address & {
  readonly id: string
  readonly initiated: number
  readonly headers: Kept
  readonly algorithm?: ChecksumAlgorithm
}

const aboutFile = 'upload.json'
const idForm = /^[\da-f]{32}$/

const readAbout = async (folder: string): Promise<Upload | undefined> => {
  const text = await readFile(join(folder, aboutFile), 'utf8').catch((error: unknown) => {
    if (notThere(error)) return undefined
    throw error
  })
  return text === undefined ? undefined : JSON.parse(text)
}

/** The folders of the uploads that are under way, each named by its id and holding what the upload is for. */
export const openUploadFolders = async ({ root, disk, objects, newId, now }: UploadsOptions) => {
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
    await writeFile(temporary, JSON.stringify(upload), { mode: 0o600, flag: 'wx', flush: true })
    await disk.place(temporary, join(folderOf(upload.id), aboutFile))
    return upload
  }

  const list = async (bucket: string): Promise<Upload[]> => {
    const found = await Promise.all((await readdir(folder)).map((id) => readAbout(folderOf(id))))
    return found
      .flatMap((upload) => (upload?.bucket === bucket ? [upload] : []))
      .sort(
        (a, b) =>
          Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || a.initiated - b.initiated,
      )
  }

  return {
    folderOf,
    find,
    begin,
    list,
    ids: () => readdir(folder),
    about: (id: string) => readAbout(folderOf(id)),
  }
}

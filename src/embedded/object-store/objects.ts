import { statSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Claims, createDigest, digested } from './checksums.ts'
import { checkWrite } from './conditions.ts'
import { createDescriptions } from './descriptions.ts'
import { type Disk, discard } from './disk.ts'
import { S3Fault } from './faults.ts'
import type { Incoming } from './incoming.ts'
import { pathOfKey } from './key-paths.ts'
import type { Locked } from './locks.ts'
import { type Described, describe, openStored, type StoredFile } from './stored-file.ts'
import { type Walk, walk } from './walk.ts'
import { type Written, writeFile } from './write-file.ts'

export type Address = { readonly bucket: string; readonly key: string }
export type Headers = Readonly<Record<string, string | undefined>>
export type Kept = Described['headers']

export type ObjectsOptions = {
  readonly root: string
  readonly disk: Disk
  readonly locked: Locked
  readonly now: () => number
}

const bucketForm = /^(?!\d+\.\d+\.\d+\.\d+$)[a-z\d][a-z\d.-]{1,61}[a-z\d]$/

const openBuckets = async ({ root, disk }: Pick<ObjectsOptions, 'root' | 'disk'>) => {
  const folder = join(root, 'buckets')
  await disk.folder(folder)
  const buckets = new Set(await readdir(folder))
  const pathOf = (bucket: string): string => {
    if (!buckets.has(bucket)) throw new S3Fault('NoSuchBucket')
    return join(folder, bucket)
  }
  return {
    pathOf,
    list: (): string[] => [...buckets].sort(),
    create: async (bucket: string): Promise<void> => {
      if (!bucketForm.test(bucket)) throw new S3Fault('InvalidBucketName')
      if (buckets.has(bucket)) throw new S3Fault('BucketAlreadyOwnedByYou')
      await disk.folder(join(folder, bucket))
      buckets.add(bucket)
    },
    remove: async (bucket: string): Promise<void> => {
      const path = pathOf(bucket)
      for await (const _ of walk(path, '', { prefix: '', after: '' }))
        throw new S3Fault('BucketNotEmpty')
      buckets.delete(bucket)
      await rm(path, { recursive: true })
    },
  }
}

/** A body's pieces, and what is known of it when they have gone by: throws where it is not what was claimed. */
const verifiedBy =
  (now: () => number) =>
  (body: Body, headers: Kept): Verified => {
    const digest = createDigest(body.claims)
    return {
      pieces: digested(body.pieces, digest),
      describe: () => {
        const { etag, checksum } = digest.finish(body.trailers)
        return {
          bytes: body.bytes,
          etag,
          modified: now(),
          headers,
          ...(checksum && { checksum }),
        }
      },
    }
  }

/** The buckets and what they hold. Every change is on the disk when its promise resolves. */
export const openObjects = async (options: ObjectsOptions) => {
  const { disk, locked, now } = options
  const buckets = await openBuckets(options)
  const descriptions = createDescriptions()
  const verified = verifiedBy(now)
  const pathOf = ({ bucket, key }: Address): string => join(buckets.pathOf(bucket), pathOfKey(key))

  /** Throws `NoSuchKey`. The caller closes the handle. */
  const open = async (address: Address): Promise<StoredFile> => {
    const file = await openStored(pathOf(address))
    if (!file) throw new S3Fault('NoSuchKey')
    return file
  }

  /** What is known of an object besides its bytes. Throws `NoSuchKey`. */
  const look = async (address: Address): Promise<Described> => {
    const path = pathOf(address)
    const described = descriptions.find(path) ?? (await describe(path))
    if (!described) throw new S3Fault('NoSuchKey')
    return described
  }

  /** Refuses what need not be received at all. */
  const checkBefore = async (path: string, conditions: Headers): Promise<void> => {
    if (conditions['if-match'] === undefined && conditions['if-none-match'] === undefined) return
    // A look at the entry alone spares a turn through the pool of threads, twice for each new object.
    const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined
    checkWrite(conditions, isThere ? await describe(path) : undefined)
  }

  const commitAt = async (path: string, written: Written, conditions: Headers): Promise<void> => {
    await locked(path, async () => {
      await checkBefore(path, conditions)
      await disk.place(written.path, path)
      descriptions.keep(path, written.described)
    })
  }

  const orDiscarded = async ({ path }: Written, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      await discard(path)
      throw error
    }
  }

  /** A written file becomes the object, if the conditions hold at that moment. */
  const commit = (address: Address, written: Written, conditions: Headers): Promise<void> =>
    orDiscarded(written, () => commitAt(pathOf(address), written, conditions))

  /** Writes a body into a temporary file, verified. */
  const receive = (body: Body, headers: Kept): Promise<Written> => {
    const { pieces, describe } = verified(body, headers)
    return writeFile(disk.temporary(), pieces, describe)
  }

  const put = async (address: Address, body: Body, about: PutAbout): Promise<Described> => {
    const path = pathOf(address)
    await checkBefore(path, about.conditions)
    const written = await receive(body, about.headers)
    await orDiscarded(written, () => commitAt(path, written, about.conditions))
    return written.described
  }

  const remove = async (address: Address, conditions: Headers): Promise<void> => {
    const path = pathOf(address)
    await locked(path, async () => {
      await checkBefore(path, conditions)
      await disk.remove(path, buckets.pathOf(address.bucket))
    })
  }

  /** Objects in the order of their keys. One that is removed meanwhile is left out. */
  async function* list(bucket: string, sought: Walk) {
    for await (const { keyBytes: bytes, path } of walk(buckets.pathOf(bucket), '', sought))
      yield { keyBytes: bytes, describe: () => describe(path) }
  }

  return { buckets, open, look, commit, verified, receive, put, remove, list }
}

export type Body = Pick<Incoming, 'bytes' | 'pieces' | 'trailers'> & { readonly claims: Claims }
export type Verified = {
  readonly pieces: AsyncIterable<Buffer>
  readonly describe: () => Described
}
export type PutAbout = { readonly headers: Kept; readonly conditions: Headers }
export type Objects = Awaited<ReturnType<typeof openObjects>>

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'

/** What keeps a back-up or its restoration from being made: a sentence for the operator. */
export class BackupRefused extends Error {
  override readonly name = 'BackupRefused'
}

const manifestForm = z.object({
  format: z.literal(1),
  lapel: z.string(),
  made_at: z.string(),
  /** The last commit position that the copy of the log holds; `null` where the log is elsewhere. */
  position: z.string().nullable(),
  event_store: z.enum(['embedded', 'elsewhere']),
  /** Missing: made before there were objects. */
  object_store: z.enum(['embedded', 'elsewhere']).optional(),
  files: z.record(z.string(), z.object({ bytes: z.int(), sha256: z.string() })),
})
export type Manifest = z.infer<typeof manifestForm>

export const manifestFile = 'manifest.json'
export const secretsCopy = 'secrets.json'
export const eventsCopy = 'events.db'
/** `postgres.<schema>.<table>.copy`: what COPY gives of a table. */
export const tableCopy = (schema: string, table: string): string =>
  `postgres.${schema}.${table}.copy`
export const tableOfCopy = (file: string): { schema: string; table: string } | undefined => {
  const [, schema, table] = /^postgres\.([a-z_]+)\.([a-z_0-9]+)\.copy$/.exec(file) ?? []
  return schema !== undefined && table !== undefined ? { schema, table } : undefined
}

/** `objects/…`: a file of the embedded object store, as its folder has it. */
export const objectsCopy = 'objects'
const objectForm =
  /^objects\/(credentials\.json|buckets(\/[a-z0-9%_.-]*[a-z0-9%_-][a-z0-9%_.-]*)+)$/
export const isObjectCopy = (file: string): boolean => objectForm.test(file)

export type FileSum = { readonly bytes: number; readonly sha256: string }

export const sumOf = async (path: string): Promise<FileSum> => {
  const hash = createHash('sha256')
  let bytes = 0
  await pipeline(createReadStream(path), async (pieces) => {
    for await (const piece of pieces) {
      bytes += piece.length
      hash.update(piece)
    }
  })
  return { bytes, sha256: hash.digest('hex') }
}

/** On the disk, whatever happens to the machine. */
export const sync = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

const jsonIn = (text: string, path: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new BackupRefused(`${path} is damaged (no JSON): take another back-up`, { cause })
  }
}

/** The manifest of a back-up, each file of which is as it was made. Throws `BackupRefused`. */
export const checkedManifest = async (folder: string): Promise<Manifest> => {
  const path = join(folder, manifestFile)
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined)
    throw new BackupRefused(`${folder} is no back-up: it has no ${manifestFile}`)
  const parsed = manifestForm.safeParse(jsonIn(text, path))
  if (!parsed.success) throw new BackupRefused(`${path} is of a form that this version cannot read`)
  for (const [name, { sha256 }] of Object.entries(parsed.data.files)) {
    const sum = await sumOf(join(folder, name)).catch(() => undefined)
    if (sum?.sha256 !== sha256)
      throw new BackupRefused(`${join(folder, name)} is missing or is not what was backed up`)
  }
  return parsed.data
}

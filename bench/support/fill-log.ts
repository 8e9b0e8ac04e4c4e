import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import nacl from 'tweetnacl'
import type { DeviceId, ProjectId } from '../../protocol/ids.ts'
import { newId, parseTokenId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { mintToken, tokenHmac } from '../../protocol/tokens.ts'
import { loadSecrets } from '../../src/config-secrets.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { newestOf } from '../../src/store/keyring.ts'
import { emptyStream, record } from '../../src/store/record.ts'
import { seal } from '../../src/store/seal.ts'
import { deviceStream } from '../../src/store/streams.ts'

/** `node fill-log.ts '<order>'`: devices of one project, and what they say, straight into the log of a running node. */
export type FillOrder = {
  readonly eventStoreUrl: string
  readonly databaseUrl: string
  readonly secretsFile: string
  /** Each is three events: registered, bound, its token issued. */
  readonly devices: number
  /** Commits of 1,000 heartbeats. */
  readonly commits: number
}

export type Filled = {
  readonly events: number
  readonly observations: number
  /** Of the last event, decimal. */
  readonly position: string
}

const appendsAtOnce = 16
const shards = 4
const keysAtOnce = 5_000
const entriesPerCommit = 1_000
const order: FillOrder = JSON.parse(process.argv[2] ?? '{}')
const loaded = await loadSecrets(order.secretsFile)
if (loaded.kind === 'refused') throw new Error(loaded.because)
const { secrets } = loaded
const store = connectEventStore(order.eventStoreUrl)
const client = new pg.Client({ connectionString: order.databaseUrl })
await client.connect()

const inParallel = async (count: number, work: (i: number) => Promise<void>): Promise<void> => {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: appendsAtOnce }, worker))
}

let last = 0n

const append: typeof store.append = async (...args) => {
  const done = await store.append(...args)
  if (done.kind === 'conflict') throw new Error('a stream of the bench was there')
  if (done.position > last) last = done.position
  return done
}

/** As `src/store/vault.ts` keeps them, many at once: a rebuild opens what was sealed under each. */
const keepKeys = async (
  project: ProjectId,
  keys: readonly (readonly [DeviceId, Buffer])[],
): Promise<void> => {
  const [kid, kek] = newestOf(secrets.kek)
  const wrapped = keys.map(([, key]) => {
    const nonce = Uint8Array.from(randomBytes(nacl.secretbox.nonceLength))
    return Buffer.concat([nonce, nacl.secretbox(Uint8Array.from(key), nonce, Uint8Array.from(kek))])
  })
  await client.query(
    `insert into vault.subject_keys (subject, project, kek_kid, wrapped, created_at)
     select subject, $2, $3, wrapped, now() from unnest($1::text[], $4::bytea[]) as k (subject, wrapped)`,
    [keys.map(([id]) => id), project, kid, wrapped],
  )
}

const register = async (project: ProjectId, id: DeviceId, key: Buffer): Promise<void> => {
  const token = mintToken('dtok', randomBytes)
  const token_id = parseTokenId(token.id)
  if (token_id === undefined) throw new Error('a minted token has no id')
  const [pepper_kid, pepper] = newestOf(secrets.pepper)
  const [binding_id, end_user_id] = [newId('bind_', randomBytes), newId('eu_', randomBytes)]
  const sealed = seal({ serial_number: id, metadata: {} }, Uint8Array.from(key), randomBytes)
  const stream = deviceStream(project, id)
  const facts = [
    {
      type: 'DeviceRegistered',
      data: {
        device_id: id,
        model: 'bota_pin',
        generation: 1,
        serial_hash: randomBytes(32).toString('hex'),
        sealed,
      },
    },
    { type: 'DeviceBound', data: { binding_id, end_user_id } },
    {
      type: 'DeviceTokenIssued',
      data: { token_id, hmac: tokenHmac(token, pepper), pepper_kid, binding_id },
    },
  ] as const
  const ids = facts.map(() => randomUUID())
  const place = { stream, end: emptyStream, at: instantOf(Date.now()), ids }
  const by = { project, actor: 'system', requestId: null } as const
  await append(stream, record({ secrets, random: randomBytes }, facts, place, by), 'no_stream')
}

const heartbeats = (project: ProjectId, ids: readonly DeviceId[], commit: number): Buffer => {
  const entries = Array.from({ length: entriesPerCommit }, (_, i) => ({
    k: 'heartbeat',
    via: 'mqtt',
    p: project,
    d: ids[(commit * entriesPerCommit + i) % ids.length],
    by: '0123456789AB',
    boot: 1,
    seq: Math.floor((commit * entriesPerCommit + i) / ids.length),
    rx: instantOf(Date.now()),
    data: {
      battery_percent: i % 101,
      signal_strength_dbm: -50 - (i % 70),
      device_state: 'idle',
      flags: 0,
      connection_type: ['4g'],
    },
  }))
  return Buffer.from(JSON.stringify({ v: 1, entries }))
}

try {
  const { rows } = await client.query<{ id: ProjectId }>(
    `select id from live.projects where mode = 'live' limit 1`,
  )
  const project = rows[0]?.id
  if (project === undefined) throw new Error('there is no project')
  const known = await client.query<{ id: DeviceId }>(
    'select id from live.devices where project_id = $1 limit 10000',
    [project],
  )
  const ids = known.rows.map(({ id }) => id)
  const made = Array.from({ length: order.devices }, () => newId('dev_', randomBytes))
  const keys = made.map((id) => [id, randomBytes(nacl.secretbox.keyLength)] as const)
  for (let from = 0; from < keys.length; from += keysAtOnce)
    await keepKeys(project, keys.slice(from, from + keysAtOnce))
  await inParallel(keys.length, async (i) => {
    const [id, key] = keys[i] ?? []
    if (id && key) await register(project, id, key)
  })
  const node = randomBytes(8).toString('hex')
  // Fewer commits are under way than lie between two of one device: its numbers rise.
  const fillShard = async (shard: number): Promise<void> => {
    for (let commit = shard, revision = -1; commit < order.commits; commit += shards) {
      const data = heartbeats(project, [...ids, ...made], commit)
      const event = { id: randomUUID(), type: 'IngestCommitted', data, metadata: { v: 1, node } }
      const expected = revision < 0 ? 'no_stream' : revision
      await append(`ingest.20260101-${node}.${shard}`, [event], expected)
      revision += 1
    }
  }
  await Promise.all(Array.from({ length: shards }, (_, shard) => fillShard(shard)))
  const filled: Filled = {
    events: made.length * 3,
    observations: order.commits * entriesPerCommit,
    position: last.toString(),
  }
  console.log(JSON.stringify(filled))
} finally {
  await client.end()
  await store.close()
}

import { randomBytes } from 'node:crypto'
import { mintToken, tokenHmac } from '../../protocol/tokens.ts'
import type { TokenTruth } from '../../src/auth/truth.ts'
import { verify } from '../../src/auth/verify.ts'
import { atMost, type LapelTarget, type Row } from './row.ts'

type Operations = Readonly<Record<string, { readonly security?: unknown }>>

const methods: readonly string[] = ['get', 'post', 'patch', 'put', 'delete']

/** Every route of the running node that names a device, a person or a recording, with that id in its place. */
const routesWith = async (
  { lapel }: LapelTarget,
  ids: Readonly<Record<string, string>>,
): Promise<string[]> => {
  const answer = await fetch(`${lapel.http}/openapi.json`)
  const { paths } = (await answer.json()) as { paths: Readonly<Record<string, Operations>> }
  return Object.entries(paths).flatMap(([path, operations]) => {
    const kind = Object.keys(ids).find((one) => path.startsWith(one) && path.includes('{'))
    if (kind === undefined) return []
    const filled = path.replace(/\{[^}]+\}/, ids[kind] ?? '').replaceAll(/\{[^}]+\}/g, '1')
    return Object.keys(operations)
      .filter((method) => methods.includes(method))
      .map((method) => `${method.toUpperCase()} ${filled}`)
  })
}

// A node that is too busy to tell says nothing of an id either.
const refusals: readonly number[] = [400, 401, 403, 404, 405, 413, 415, 422, 429, 501, 503]

const foreignIds: Row<LapelTarget> = {
  attack:
    'ids of others on every route that the node describes, by three callers: answered as their own',
  bound: '0',
  measure: async (target) => {
    const { lapel } = target
    const [own, stranger] = [await target.device(), await target.device()]
    const ids = { '/v1/devices/': own.id, '/v1/end-users/': own.endUser }
    const routes = await routesWith(target, ids)
    const other = (await lapel.cli('projects', 'create', '--name', 'Eve')) as { id_test: string }
    const made = await lapel.cli('keys', 'create', '--mode', 'test', '--project', other.id_test)
    const { key: foreign } = made as { key: string }
    const statusOf = async (key: string, route: string): Promise<number> =>
      (await lapel.call(key, route, route.startsWith('GET') ? undefined : {})).status
    let wrong = routes.length > 10 ? 0 : 1
    for (const route of routes)
      for (const key of [foreign, stranger.token, 'sk_test_x'])
        if (!refusals.includes(await statusOf(key, route))) wrong += 1
    return atMost(wrong + ((await statusOf(lapel.key, `GET /v1/devices/${own.id}`)) - 200), 0, '')
  },
}

/** Welch's t of two samples, each without its slowest tenth, which is the machine's. */
const welch = (a: readonly number[], b: readonly number[]): number => {
  const of = (all: readonly number[]) => {
    const kept = [...all].sort((x, y) => x - y).slice(0, Math.floor(0.9 * all.length))
    const mean = kept.reduce((sum, one) => sum + one, 0) / kept.length
    const variance = kept.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (kept.length - 1)
    return { mean, of: variance / kept.length }
  }
  const [one, other] = [of(a), of(b)]
  return Math.abs(one.mean - other.mean) / Math.sqrt(one.of + other.of)
}

const timing: Row<LapelTarget> = {
  attack:
    'the time that a wrong first and a wrong last character of a secret take, 40,000 times: |t|',
  bound: '4.5',
  measure: async () => {
    const pepper = randomBytes(32)
    const peppers = new Map([['k', pepper]])
    const secretChars = 32
    const bytes = randomBytes(secretChars).map((byte) => byte % 62)
    const minted = (id: string | undefined, changedAt?: number) =>
      mintToken(
        'dtok',
        () => bytes.map((byte, i) => (i === changedAt ? (byte + 1) % 62 : byte)),
        id,
      )
    const right = minted(undefined)
    const truth = {
      kind: 'token',
      state: 'live',
      validUntil: null,
      binding: {},
      secret: { hmac: tokenHmac(right, pepper), pepperKid: 'k' },
    } as unknown as TokenTruth
    const tokens = [minted(right.id, 0), minted(right.id, secretChars - 1)] as const
    const took: [number[], number[]] = [[], []]
    for (let i = 0; i < 40_000; i += 1) {
      const which = (randomBytes(1)[0] ?? 0) % 2 === 0 ? 0 : 1
      const from = process.hrtime.bigint()
      verify(tokens[which], truth, peppers, 0)
      took[which].push(Number(process.hrtime.bigint() - from))
    }
    return atMost(welch(...took), 4.5, '')
  },
}

/** What a caller of one project can see or guess of another. */
export const tenantRows: readonly Row<LapelTarget>[] = [foreignIds, timing]

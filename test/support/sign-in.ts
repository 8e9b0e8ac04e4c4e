import { randomBytes } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Tables } from '../../projections/tables.ts'
import {
  type ApiKeyId,
  type EndUserId,
  newId,
  type ProjectId,
  type TokenId,
} from '../../protocol/ids.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import {
  hintOf,
  mintToken,
  type Token,
  type TokenPrefix,
  tokenHmac,
} from '../../protocol/tokens.ts'
import { type AuthDeps, openAuth } from '../../src/auth/open-auth.ts'
import type { Auth, OpenOutcome } from '../../src/auth/ports.ts'
import { apiKey, create, revoke, rotate } from '../../src/domain/api-key.ts'
import { bind, device, register, retire, unbind } from '../../src/domain/device.ts'
import { refreshToken } from '../../src/domain/token-decisions.ts'
import { newestOf } from '../../src/store/keyring.ts'
import { apiKeyStream, deviceStream } from '../../src/store/streams.ts'
import { keepLog } from './keep-log.ts'
import type { Stage } from './stage.ts'

export type TestAuth = Auth & { readonly lines: ReturnType<typeof keepLog>['lines'] }

/** Auth of one node on a stage, with its spare pool. */
export const authOn = async (stage: Stage, given: Partial<AuthDeps> = {}): Promise<TestAuth> => {
  const spare = new pg.Pool({ connectionString: stage.database.url, max: 2 })
  spare.on('error', () => {})
  const spareDb = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: spare }) })
  const { lines, log } = keepLog()
  const auth = await openAuth({
    ...stage,
    spareDb,
    version: '0.0.0',
    now: Date.now,
    monotonic: () => performance.now(),
    random: randomBytes,
    log,
    meter: { count: () => {}, observe: () => {} },
    ...given,
  })
  return {
    ...auth,
    lines,
    close: async () => {
      await auth.close()
      await spareDb.destroy()
    },
  }
}

const secretIn = ({ secrets }: Stage, token: Token) => {
  const [pepper_kid, pepper] = newestOf(secrets.pepper)
  return { hmac: tokenHmac(token, pepper), pepper_kid }
}

/** A device that was registered and bound, and what may happen to it. */
export const boundDevice = async (stage: Stage, project: ProjectId) => {
  const [deviceId, endUserId] = [newId('dev_', randomBytes), newId('eu_', randomBytes)]
  const stream = deviceStream(project, deviceId)
  const by = stage.by(project)
  const sealed = Buffer.alloc(48).toString('base64')
  const minted = () => {
    const token = mintToken('dtok', randomBytes)
    const secret = { token_id: token.id as TokenId, ...secretIn(stage, token) }
    return { token, secret }
  }
  const registration = { deviceId, model: 'bota_pin', generation: 1, serialHash: '0'.repeat(64) }
  await stage.ledger.transact(stream, device, () => register({ ...registration, sealed }), by)
  const bindTo = async (owner: EndUserId): Promise<Token> => {
    const { token, secret } = minted()
    const args = { bindingId: newId('bind_', randomBytes), endUserId: owner, token: secret }
    await stage.ledger.transact(stream, device, () => bind(args), by)
    return token
  }
  const bindAgain = (): Promise<Token> => bindTo(endUserId)
  return {
    deviceId,
    endUserId,
    stream,
    bindTo,
    bindAgain,
    token: await bindAgain(),
    refresh: async (presented: Token, graceMs = 86_400_000): Promise<Token> => {
      const { token, secret } = minted()
      const args = { presented: presented.id as TokenId, next: secret, graceMs }
      await stage.ledger.transact(stream, device, (at) => refreshToken(args, at), by)
      return token
    },
    unbind: () => stage.ledger.transact(stream, device, () => unbind({ reason: 'requested' }), by),
    retire: () => stage.ledger.transact(stream, device, () => retire(), by),
    types: async () => (await stage.store.readStream(stream)).map(({ type }) => type),
  }
}

/** An API key that was made, and what may happen to it. */
export const madeKey = async (stage: Stage, project: ProjectId, prefix: TokenPrefix) => {
  const token = mintToken(prefix, randomBytes)
  const keyId: ApiKeyId = `key_${token.id}` as ApiKeyId
  const stream = apiKeyStream(project, keyId)
  const by = stage.by(project)
  const kind = prefix.startsWith('sk') ? ('secret' as const) : ('restricted' as const)
  const secretOf = (one: Token) => ({ ...secretIn(stage, one), hint: hintOf(one) })
  const sealed = Buffer.alloc(48).toString('base64')
  const args = { keyId, kind, scopes: ['devices:read' as const], secret: secretOf(token), sealed }
  await stage.ledger.transact(stream, apiKey, () => create(args), by)
  return {
    keyId,
    token,
    rotate: async (overlapMs: number): Promise<Token> => {
      const next = mintToken(prefix, randomBytes, token.id)
      const change = { secret: secretOf(next), overlapMs }
      await stage.ledger.transact(stream, apiKey, (at) => rotate(change, at), by)
      return next
    },
    revoke: () => stage.ledger.transact(stream, apiKey, () => revoke(), by),
  }
}

/** A sign-in as the broker makes it, and what it was told since. */
export const signIn = async (auth: Auth, token: Token, remote = '127.0.0.1') => {
  const kicks: { readonly reason: CloseReason; readonly at: number }[] = []
  const outcome: OpenOutcome = await auth.openSession(token.text, remote, (reason) =>
    kicks.push({ reason, at: performance.now() }),
  )
  return { outcome, kind: outcome.kind, kicks }
}

import { type Kysely, sql } from 'kysely'
import type { LogEvent } from './log-event.ts'
import { born, ids, none, projection, type Touched } from './projection.ts'
import type { Tables, TokenRow } from './tables.ts'

type DeviceLogEvent = LogEvent & { kind: 'device' }

const touched = (event: LogEvent): Touched => {
  if (event.kind !== 'device') return none
  const fact = event.event
  switch (fact.type) {
    case 'DeviceTokenIssued':
      return born(fact.data.token_id)
    case 'DeviceTokenRefreshed':
      return ids(fact.data.token_id, fact.data.replaces)
    case 'DeviceTokenRevoked':
      return { ids: fact.data.token_ids }
    // The first use of one token ends the one before it, whichever that is.
    case 'DeviceTokenConfirmed':
      return { where: 'device_id', is: event.subject }
    case 'DeviceRegistered':
    case 'DeviceUpdated':
    case 'DeviceBound':
    case 'DeviceUnbound':
    case 'DeviceRetired':
    case 'TokenReuseDetected':
    case 'CloneSuspected':
      return none
  }
}

const made = (
  event: DeviceLogEvent,
  id: string,
  state: TokenRow['state'],
): TokenRow | undefined => {
  const { data } = event.event
  if (!('hmac' in data)) return undefined
  const { hmac, pepper_kid } = data
  return {
    id,
    project_id: event.project ?? '',
    device_id: event.subject,
    hmac,
    pepper_kid,
    state,
    valid_until: null,
  }
}

const foldToken = (
  row: TokenRow | undefined,
  event: DeviceLogEvent,
  id: string,
): TokenRow | undefined => {
  const fact = event.event
  switch (fact.type) {
    case 'DeviceTokenIssued':
      return made(event, id, 'live')
    case 'DeviceTokenRefreshed':
      if (id === fact.data.token_id) return made(event, id, 'unconfirmed')
      return row && { ...row, state: 'old', valid_until: fact.data.old_valid_until }
    case 'DeviceTokenConfirmed':
      if (row?.id === fact.data.token_id) return { ...row, state: 'live' }
      return row?.state === 'old' ? { ...row, state: 'superseded' } : row
    case 'DeviceTokenRevoked':
      return row && { ...row, state: fact.data.reason === 'superseded' ? 'superseded' : 'revoked' }
    case 'DeviceRegistered':
    case 'DeviceUpdated':
    case 'DeviceBound':
    case 'DeviceUnbound':
    case 'DeviceRetired':
    case 'TokenReuseDetected':
    case 'CloneSuspected':
      return row
  }
}

export const tokens = projection<TokenRow>({
  name: 'tokens',
  version: 1,
  key: 'id',
  columns: ['id', 'project_id', 'device_id', 'hmac', 'pepper_kid', 'state', 'valid_until'],
  touches: touched,
  fold: (row, event, id) => (event.kind === 'device' ? foldToken(row, event, id) : row),
})

/** A token with the binding that it opens: that of its device now. */
export type TokenView = TokenRow & {
  readonly end_user_id: string | null
  readonly binding_id: string | null
}

export type Looked<Row> = {
  readonly row: Row | undefined
  /** How far the row is the fold of the log; `undefined` when nothing was projected yet. */
  readonly checkpoint: bigint | undefined
}

type WithCheckpoint = { commit: string | null; found: object | null }

/** Each row and the checkpoint of its projection, of one moment: one statement. */
export const readTokens = async (
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Looked<TokenView>>> => {
  const { rows } = await sql<WithCheckpoint & { id: string }>`
    select wanted.id, c.commit, to_jsonb(t) || jsonb_build_object('end_user_id', d.end_user_id, 'binding_id', d.binding_id) as found
    from (select min(commit) as commit from live.checkpoints where projection in ('tokens', 'devices')) c
    cross join unnest(${ids}::text[]) as wanted (id)
    left join live.tokens t on t.id = wanted.id
    left join live.devices d on d.id = t.device_id`.execute(db)
  return new Map(rows.map((row) => [row.id, looked<TokenView>(row)]))
}

export const looked = <Row extends object>(row: WithCheckpoint | undefined): Looked<Row> => ({
  row: (row?.found ?? undefined) as Row | undefined,
  checkpoint: row?.commit ? BigInt(row.commit) : undefined,
})

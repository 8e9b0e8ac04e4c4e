import { type Kysely, sql } from 'kysely'
import type { LogEvent } from './log-event.ts'
import { type CommonFilter, filtered, type Page, paged } from './page.ts'
import { ids, none, projection, textIn, textOr } from './projection.ts'
import type { EndUserRow, Metadata, Tables } from './tables.ts'

type EndUserLogEvent = LogEvent & { kind: 'enduser' }

const metadataIn = (opened: EndUserLogEvent['opened'], before: Metadata): Metadata =>
  (opened?.['metadata'] as Metadata | undefined) ?? before

const created = ({ opened, at, project }: EndUserLogEvent, id: string): EndUserRow => ({
  id,
  project_id: project ?? '',
  external_id: textIn(opened, 'external_id'),
  email: textIn(opened, 'email'),
  name: textIn(opened, 'name'),
  metadata: metadataIn(opened, {}),
  erased: false,
  created_at: at,
  updated_at: at,
  revision: '0',
})

const changed = (row: EndUserRow, { event, opened }: EndUserLogEvent): Partial<EndUserRow> => {
  switch (event.type) {
    case 'EndUserCreated':
      return {}
    case 'EndUserUpdated':
      return {
        external_id: textOr(opened, 'external_id', row.external_id),
        email: textOr(opened, 'email', row.email),
        name: textOr(opened, 'name', row.name),
        metadata: metadataIn(opened, row.metadata),
      }
    case 'EndUserErased':
      return { external_id: null, email: null, name: null, metadata: {}, erased: true }
  }
}

export const endUsers = projection<EndUserRow>({
  name: 'end_users',
  version: 1,
  key: 'id',
  columns: [
    'id',
    'project_id',
    'external_id',
    'email',
    'name',
    'metadata',
    'erased',
    'created_at',
    'updated_at',
    'revision',
  ],
  touches: (event) => (event.kind === 'enduser' ? ids(event.subject) : none),
  fold: (row, event, id) => {
    if (event.kind !== 'enduser') return row
    const base = event.event.type === 'EndUserCreated' ? created(event, id) : row
    if (!base) return undefined
    return {
      ...base,
      ...changed(base, event),
      updated_at: event.at,
      revision: String(event.revision),
    }
  },
})

export const readEndUser = (
  db: Kysely<Tables>,
  project: string,
  id: string,
): Promise<EndUserRow | undefined> =>
  db
    .selectFrom('live.end_users')
    .selectAll()
    .where('id', '=', id)
    .where('project_id', '=', project)
    .where('erased', '=', false)
    .executeTakeFirst()

export type EndUserFilter = CommonFilter & {
  /** Finds none or one. */
  readonly externalId?: string
  readonly email?: string
}

/** Newest first where nothing is said. */
export const listEndUsers = (
  db: Kysely<Tables>,
  project: string,
  { filter = {}, ...page }: Page & { readonly filter?: EndUserFilter },
): Promise<EndUserRow[]> => {
  const { externalId, email } = filter
  let query = db
    .selectFrom('live.end_users')
    .selectAll()
    .where('project_id', '=', project)
    .where(sql<boolean>`not erased`)
  if (externalId !== undefined) query = query.where('external_id', '=', externalId)
  if (email !== undefined) query = query.where('email', '=', email)
  return paged(filtered(query, filter), page).execute()
}

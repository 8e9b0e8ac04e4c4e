import { type Kysely, sql } from 'kysely'
import type { LogEvent } from './log-event.ts'
import { type Page, paged } from './page.ts'
import { ids, none, projection, textIn } from './projection.ts'
import type { ApiKeyRow, ProjectRow, Tables } from './tables.ts'
import { type Looked, looked } from './tokens.ts'

type KeyLogEvent = LogEvent & { kind: 'apikey' }

const created = ({ event, opened, at, project }: KeyLogEvent, id: string): ApiKeyRow | undefined =>
  event.type !== 'ApiKeyCreated'
    ? undefined
    : {
        id,
        project_id: project ?? '',
        kind: event.data.kind,
        scopes: event.data.scopes,
        name: textIn(opened, 'name'),
        hint: event.data.hint,
        hmac: event.data.hmac,
        pepper_kid: event.data.pepper_kid,
        old_hmac: null,
        old_pepper_kid: null,
        old_valid_until: null,
        revoked: false,
        created_at: at,
        updated_at: at,
        revision: '0',
      }

const changed = (row: ApiKeyRow, { event }: KeyLogEvent): Partial<ApiKeyRow> => {
  switch (event.type) {
    case 'ApiKeyCreated':
      return {}
    case 'ApiKeyRotated':
      return {
        hint: event.data.hint,
        hmac: event.data.hmac,
        pepper_kid: event.data.pepper_kid,
        old_hmac: row.hmac,
        old_pepper_kid: row.pepper_kid,
        old_valid_until: event.data.old_valid_until,
      }
    case 'ApiKeyRevoked':
      return { revoked: true, old_hmac: null, old_pepper_kid: null, old_valid_until: null }
  }
}

export const apiKeys = projection<ApiKeyRow>({
  name: 'api_keys',
  version: 1,
  key: 'id',
  columns: [
    'id',
    'project_id',
    'kind',
    'scopes',
    'name',
    'hint',
    'hmac',
    'pepper_kid',
    'old_hmac',
    'old_pepper_kid',
    'old_valid_until',
    'revoked',
    'created_at',
    'updated_at',
    'revision',
  ],
  touches: (event) => (event.kind === 'apikey' ? ids(event.subject) : none),
  fold: (row, event, id) => {
    if (event.kind !== 'apikey') return row
    const base = created(event, id) ?? row
    if (!base) return undefined
    return {
      ...base,
      ...changed(base, event),
      updated_at: event.at,
      revision: String(event.revision),
    }
  },
})

/** A key with the mode of its project world, which its text must agree with. */
export type ApiKeyView = ApiKeyRow & { readonly mode: ProjectRow['mode'] | null }

/** The row and the checkpoint of its projection, of one moment: one statement. */
export const readApiKey = async (db: Kysely<Tables>, id: string): Promise<Looked<ApiKeyView>> => {
  const { rows } = await sql<{ commit: string | null; found: object | null }>`
    select c.commit, to_jsonb(k) || jsonb_build_object('mode', p.mode) as found
    from (select min(commit) as commit from live.checkpoints where projection in ('api_keys', 'projects')) c
    left join live.api_keys k on k.id = ${id}
    left join live.projects p on p.id = k.project_id`.execute(db)
  return looked<ApiKeyView>(rows[0])
}

/** Newest first. */
export const listApiKeys = (
  db: Kysely<Tables>,
  project: string,
  page: Page,
): Promise<ApiKeyRow[]> =>
  paged(
    db.selectFrom('live.api_keys').selectAll().where('project_id', '=', project),
    page,
  ).execute()

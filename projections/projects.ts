import type { Kysely } from 'kysely'
import { ids, none, projection, textIn } from './projection.ts'
import type { ProjectRow, Tables } from './tables.ts'

export const projects = projection<ProjectRow>({
  name: 'projects',
  version: 1,
  key: 'id',
  columns: ['id', 'mode', 'twin', 'name', 'created_at'],
  touches: (event) => (event.kind === 'project' ? ids(event.subject) : none),
  fold: (row, event, id) =>
    event.kind !== 'project'
      ? row
      : {
          id,
          mode: event.event.data.mode,
          twin: event.event.data.twin,
          name: textIn(event.opened, 'name'),
          created_at: event.at,
        },
})

export const readProject = (db: Kysely<Tables>, id: string): Promise<ProjectRow | undefined> =>
  db.selectFrom('live.projects').selectAll().where('id', '=', id).executeTakeFirst()

/** All worlds of all projects, oldest first. */
export const listProjects = (db: Kysely<Tables>): Promise<ProjectRow[]> =>
  db.selectFrom('live.projects').selectAll().orderBy('created_at').orderBy('id').execute()

import type { PoolClient } from 'pg'
import type { AnyProjection } from '../../projections/projection.ts'

type Counts = AnyProjection['counts']

const projectOf = (row: object): string => String('project_id' in row ? row.project_id : '')

/** By how much a batch moves what is counted of a table. */
export class Counted {
  readonly #counts: Counts
  readonly #projection: string
  readonly #client: PoolClient
  readonly #schema: string
  readonly #moved = new Map<string, number[]>()

  constructor({ name, counts }: AnyProjection, client: PoolClient, schema: string) {
    this.#counts = counts
    this.#projection = name
    this.#client = client
    this.#schema = schema
  }

  /** A row became another, came (`before` missing) or went. */
  move(before: object | undefined, after: object | undefined): void {
    for (const [at, [, is]] of this.#counts.entries()) {
      const was = before !== undefined && is(before)
      const now = after !== undefined && is(after)
      if (was === now) continue
      const row = now ? after : before
      if (row) this.#add(projectOf(row), at, now ? 1 : -1)
    }
  }

  #add(project: string, at: number, by: 1 | -1): void {
    const moved = this.#moved.get(project) ?? this.#counts.map(() => 0)
    moved[at] = (moved[at] ?? 0) + by
    this.#moved.set(project, moved)
  }

  /** In the transaction of the rows; one statement, or none. */
  async write(): Promise<void> {
    const moves = [...this.#moved].flatMap(([project, moved]) =>
      this.#counts.flatMap(([name], at) => {
        const by = moved[at] ?? 0
        return by === 0 ? [] : [{ project, name, by }]
      }),
    )
    this.#moved.clear()
    if (moves.length === 0) return
    await this.#client.query({
      name: `count ${this.#schema}.${this.#projection}`,
      text: `insert into ${this.#schema}.counts as c (project_id, projection, name, rows)
        select m.project, $1, m.name, m.by from unnest($2::text[], $3::text[], $4::bigint[]) as m (project, name, by)
        on conflict (project_id, projection, name) do update set rows = c.rows + excluded.rows`,
      values: [
        this.#projection,
        moves.map(({ project }) => project),
        moves.map(({ name }) => name),
        moves.map(({ by }) => by),
      ],
    })
  }
}

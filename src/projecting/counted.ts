import type { AnyProjection } from '../../projections/projection.ts'

type Counts = AnyProjection['counts']

/** By how much a count changes. */
export type CountMove = {
  readonly project: string
  readonly projection: string
  readonly name: string
  readonly by: number
}

const projectOf = (row: object): string => String('project_id' in row ? row.project_id : '')

/** By how much a batch moves what is counted of a table. */
export class Counted {
  readonly #counts: Counts
  readonly #projection: string
  readonly #moved = new Map<string, number[]>()

  constructor({ name, counts }: AnyProjection) {
    this.#counts = counts
    this.#projection = name
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

  moves(): readonly CountMove[] {
    return [...this.#moved].flatMap(([project, moved]) =>
      this.#counts.flatMap(([name], at) => {
        const by = moved[at] ?? 0
        return by === 0 ? [] : [{ project, projection: this.#projection, name, by }]
      }),
    )
  }
}

import { newId, type ProjectId } from '../../../protocol/ids.ts'
import type { Instant } from '../../../protocol/instant.ts'
import { create, type Mode, project } from '../../domain/project.ts'
import type { Position } from '../../store/event-store.ts'
import { derivedIdOf } from '../../store/keyed.ts'
import type { Provenance } from '../../store/record.ts'
import { seal } from '../../store/seal.ts'
import { projectStream } from '../../store/streams.ts'
import type { HttpDeps } from '../ports.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'random'>

/** The two worlds of one project. */
export type Worlds = Readonly<Record<Mode, ProjectId>>

export type CreateProjectOutcome =
  | {
      /** `exists`: both worlds were there, under whatever name; `replayed`: this very request made them. */
      readonly kind: 'created' | 'exists' | 'replayed'
      readonly worlds: Worlds
      readonly createdAt: Instant
      readonly position: Position | null
    }
  | { readonly kind: 'idempotency-mismatch' }

type Request = {
  readonly name: string
  /** Where the ids follow from something; otherwise new ones are made. */
  readonly worlds?: Worlds | undefined
  readonly by: Omit<Provenance, 'project'>
}

/** The worlds that are made under an `Idempotency-Key`. */
export const worldsUnder = (key: Buffer, idempotencyKey: string): Worlds => ({
  live: derivedIdOf(key, 'proj_', idempotencyKey, 'live'),
  test: derivedIdOf(key, 'proj_', idempotencyKey, 'test'),
})

/**
 * Makes a project: both worlds, each an event in its own stream. Asked again for the same worlds it makes what is missing. Throws
 * `StoreUnavailable`, `VaultUnavailable`, `Contended`.
 */
export const createProject =
  ({ ledger, vault, random }: Deps) =>
  async ({ name, worlds, by }: Request): Promise<CreateProjectOutcome> => {
    const ids = worlds ?? { live: newId('proj_', random), test: newId('proj_', random) }
    const createWorld = async (mode: Mode, twin: Mode) => {
      const id = ids[mode]
      const sealed = seal({ name }, await vault.keyFor(id, id), random)
      const args = { mode, twin: ids[twin], sealed }
      const of = { ...by, project: id }
      const done = await ledger.transact(projectStream(id), project, () => create(args), of)
      if (done.kind === 'idempotency-mismatch') return undefined
      if (done.state.status === 'unknown') throw new Error('a project was not created')
      return {
        kind: done.kind === 'replayed' ? done.kind : done.outcome.kind,
        createdAt: done.state.createdAt,
        position: done.position,
      }
    }
    const live = await createWorld('live', 'test')
    const test = live && (await createWorld('test', 'live'))
    if (!test) return { kind: 'idempotency-mismatch' }
    return {
      kind: test.kind,
      worlds: ids,
      createdAt: live.createdAt,
      position: test.position,
    }
  }

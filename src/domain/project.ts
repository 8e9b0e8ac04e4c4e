import type { ProjectEvent } from '../../protocol/events/lifecycle.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import { type Aggregate, type Decision, type Timed, yielding } from './decision.ts'

// --- state

export type Mode = 'live' | 'test'

/** One world of a project; its twin is the other one. */
export type Project =
  | { readonly status: 'unknown' }
  | {
      readonly status: 'active'
      readonly mode: Mode
      readonly twin: ProjectId
      readonly sealed: string
      readonly createdAt: Instant
    }

export const initial: Project = { status: 'unknown' }

// --- evolve

export const evolve = (_state: Project, event: Timed<ProjectEvent>): Project => ({
  status: 'active',
  mode: event.data.mode,
  twin: event.data.twin,
  sealed: event.data.sealed,
  createdAt: event.at,
})

export const project: Aggregate<Project, ProjectEvent> = { initial, evolve }

// --- outcomes and decisions

export const create =
  (args: { mode: Mode; twin: ProjectId; sealed: string }) =>
  (state: Project): Decision<{ readonly kind: 'created' | 'exists' }, ProjectEvent> =>
    state.status === 'unknown'
      ? yielding({ kind: 'created' }, { type: 'ProjectCreated', data: args })
      : yielding({ kind: 'exists' })

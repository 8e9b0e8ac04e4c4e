import type { Position } from '../store/event-store.ts'

/** How it stands with the moving of read models. */
export type Standing = {
  /** This mover leads, and has come to the end of the log. */
  readonly caughtUp: boolean
  /** Why it stopped, until it goes on. */
  readonly failure: string | undefined
}

/** Who is told of it. */
export type Audience = {
  /** Committed up to there. */
  readonly reached: (position: Position) => void
  readonly standing: (standing: Standing) => void
}

/** What moves read models, in this thread or in another. */
export type Following = { readonly close: () => Promise<void> }

import { jcs } from '../../../protocol/jcs.ts'

type Members = Readonly<Record<string, unknown>>

/** The members of `change` that are not so already; what is not known is `null`. */
export const changedMembers = (known: Members, change: Members): Members =>
  Object.fromEntries(
    Object.entries(change).filter(
      ([name, value]) => value !== undefined && jcs(known[name] ?? null) !== jcs(value),
    ),
  )

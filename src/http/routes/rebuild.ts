import { PassThrough } from 'node:stream'
import { rebuiltReply } from '../../../protocol/replies.ts'
import { rebuildBody } from '../../../protocol/requests.ts'
import type { AdminCall, Handler, Reply } from '../call.ts'
import { checked } from '../commands.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps, RebuildOutcome, RebuildProgress, RebuiltModel } from '../ports.ts'
import { invalidValue, Problem, problemOf, unavailable } from '../problems.ts'

const linesType = 'application/x-ndjson'

export const rebuildOperation: Operation = {
  id: 'rebuild',
  tag: 'Administration',
  summary: 'Fold read models anew from the log',
  description:
    'With `Accept: application/x-ndjson` lines come while it goes on: `progress`, and at last `data` or `error`. Who goes away breaks it off.',
  body: { schema: rebuildBody, example: { names: ['devices'] }, required: false },
  replies: {
    200: {
      says: 'What was rebuilt, and whether it was the same.',
      body: rebuiltReply,
      example: {
        data: [
          { projection: 'devices', events: 1_204, seconds: 0.4, fingerprint: 'b1a7…', equal: true },
        ],
      },
      lines: true,
    },
  },
  refusals: ['invalid_state', 'unavailable'],
}

type Models = readonly RebuiltModel[]
type Refusals = Exclude<RebuildOutcome, { kind: 'rebuilt' }>

const refused = (outcome: Refusals): Problem => {
  switch (outcome.kind) {
    case 'unknown-projection':
      return invalidValue('names', 'names a read model that there is not')
    case 'unavailable':
      return unavailable()
    case 'under-way':
      return new Problem('invalid_state', { message: 'A rebuild is under way.' })
    case 'not-leading': {
      const { leader } = outcome
      const which = leader === undefined ? 'Another node' : `Another node (${leader})`
      return new Problem('invalid_state', {
        message: `${which} keeps the read models. Run it there.`,
      })
    }
  }
}

const progressLine = ({ position, of, ...progress }: RebuildProgress): object => ({
  progress: { ...progress, position: `${position}`, of: `${of}` },
})

const asksForLines = ({ headers }: AdminCall): boolean => (headers.accept ?? '').includes(linesType)

// A person reads along: more often is of no use.
const lineEveryMs = 200

/** The rebuild as lines of JSON while it goes on: progress, and at last what was rebuilt or why it was not. */
const inLines = async (deps: HttpDeps, names: string[] | undefined): Promise<Reply> => {
  const gone = new AbortController()
  const lines = new PassThrough()
  lines.on('close', () => gone.abort())
  const put = (line: object) => lines.write(`${JSON.stringify(line)}\n`)
  let lastMs = Number.NEGATIVE_INFINITY
  let was: RebuildProgress['doing'] | undefined
  const begun = Promise.withResolvers<undefined>()
  const onProgress = (progress: RebuildProgress): void => {
    begun.resolve(undefined)
    if (progress.doing === was && deps.now() - lastMs < lineEveryMs) return
    was = progress.doing
    lastMs = deps.now()
    put(progressLine(progress))
  }
  const ended = deps.rebuild(names, { onProgress, signal: gone.signal })
  const early = await Promise.race([begun.promise, ended])
  if (early !== undefined && early.kind !== 'rebuilt') throw refused(early)
  const refuse = ({ code, message }: Problem): void => {
    put({ error: { code, message } })
    lines.end()
  }
  ended.then(
    (outcome) => {
      if (outcome.kind !== 'rebuilt') return refuse(refused(outcome))
      put({ data: outcome.models })
      lines.end()
    },
    (error: unknown) => {
      deps.log.warn({ err: error }, 'a rebuild broke off')
      refuse(problemOf(error))
    },
  )
  return { status: 200, body: lines, type: linesType }
}

/**
 * POST /internal/rebuild: read models folded anew from the log, by the node that keeps them. A caller that goes away breaks it off, and
 * nothing was changed then.
 */
export const rebuild =
  (deps: HttpDeps): Handler<AdminCall> =>
  async (call) => {
    const { names } = checked(rebuildBody, (await call.readJson()) ?? {})
    if (asksForLines(call)) return inLines(deps, names)
    const outcome = await deps.rebuild(names, { onProgress: () => {}, signal: call.gone() })
    if (outcome.kind !== 'rebuilt') throw refused(outcome)
    const models: Models = outcome.models
    return { status: 200, body: { data: models } }
  }

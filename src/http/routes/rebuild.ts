import { rebuiltReply } from '../../../protocol/replies.ts'
import { rebuildBody } from '../../../protocol/requests.ts'
import type { AdminCall, Handler } from '../call.ts'
import { checked } from '../commands.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { Problem } from '../problems.ts'

export const rebuildOperation: Operation = {
  id: 'rebuild',
  tag: 'Administration',
  summary: 'Fold read models anew from the log',
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
    },
  },
  refusals: ['invalid_state'],
}

/** POST /internal/rebuild: read models folded anew from the log; where another node projects, it is that node's to do. */
export const rebuild =
  ({ rebuild: run }: HttpDeps): Handler<AdminCall> =>
  async (call) => {
    const { names } = checked(rebuildBody, (await call.readJson()) ?? {})
    const rebuilt = await run(names)
    if (rebuilt === 'not-leading')
      throw new Problem('invalid_state', {
        message: 'Another node keeps the read models. Ask that one.',
      })
    return { status: 200, body: { data: rebuilt } }
  }

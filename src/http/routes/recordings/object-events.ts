import { z } from 'zod'
import { parseChunkKey } from '../../../../protocol/object-keys.ts'
import { s3EventsBody } from '../../../../protocol/recording-requests.ts'
import type { Call, Handler } from '../../call.ts'
import { checked } from '../../commands.ts'
import type { Operation } from '../../operation.ts'
import type { HttpDeps } from '../../ports.ts'

export const objectEventsOperation: Operation = {
  id: 'takeObjectEvents',
  tag: 'Service',
  summary: 'Take notifications of the object store',
  description: 'Hints alone: whatever they say is looked at before it is believed in.',
  body: {
    schema: s3EventsBody,
    example: { Records: [{ s3: { object: { key: 'proj_1/rec_1/1/0a-0' } } }] },
    required: false,
  },
  replies: {
    200: {
      says: 'They are heard.',
      body: z.object({ hints: z.int().min(0) }),
      example: { hints: 1 },
    },
  },
}

// S3 writes keys into its events as forms do.
const keyIn = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return ''
  }
}

/** POST /internal/s3-events */
export const objectEvents =
  ({ recordings }: HttpDeps): Handler<Call> =>
  async (call) => {
    const { Records } = checked(s3EventsBody, (await call.readJson()) ?? {})
    const places = Records.flatMap(({ s3 }) => parseChunkKey(keyIn(s3.object.key)) ?? [])
    for (const { project, recording, index } of places)
      recordings.hint({ project, recording }, [index])
    return { status: 200, body: { hints: places.length } }
  }

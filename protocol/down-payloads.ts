import { z } from 'zod'
import { mqttErrorCodes } from './errors.ts'
import { instantForm } from './instant.ts'
import { bootSchema } from './payloads.ts'
import { whole } from './text.ts'

/** MQTT contract, "Payloads", down/time. */
export const downTimeSchema = z.object({ now: z.string().regex(instantForm) })
export type DownTime = z.infer<typeof downTimeSchema>

/** The same, down/errors: 3.1.1 has no negative acknowledgement. */
export const downErrorSchema = z.object({
  code: z.enum(mqttErrorCodes),
  message: z.string(),
  /** The topic of the message that is meant. */
  topic: z.string(),
  boot: bootSchema.optional(),
  seq: whole(0).optional(),
  /** The member that is wrong, with dots below the first. */
  field: z.string().optional(),
  /** Seconds. */
  retry_after: whole(0).optional(),
  /** What was sent is given up: sending it again cannot help. */
  fatal: z.boolean(),
})
export type DownError = z.infer<typeof downErrorSchema>

import { z } from 'zod'
import { endUserId, sealed } from './shapes.ts'

/** `<proj>.enduser-<id>`. */
export const endUserEvents = {
  EndUserCreated: z.strictObject({ end_user_id: endUserId, sealed }),
  EndUserUpdated: z.strictObject({ sealed }),
  EndUserErased: z.strictObject({}),
} as const

import { z } from 'zod'
import { deviceId, endUserId } from './shapes.ts'

const holder = z.union([deviceId, endUserId])

/** `<proj>.claim-<hash>`: who holds a value that may be held once. */
export const claimEvents = {
  ClaimTaken: z.strictObject({ id: holder, idem: z.string().optional() }),
  ClaimReleased: z.strictObject({ id: holder }),
} as const

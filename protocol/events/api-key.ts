import { z } from 'zod'
import { scopes } from '../scopes.ts'
import { apiKeyId, hmac, instant, kid, sealed } from './shapes.ts'

/** `<proj>.apikey-<id>`. A rotated key keeps its id: the public part of the new text is the same. */
export const apiKeyEvents = {
  ApiKeyCreated: z.strictObject({
    key_id: apiKeyId,
    hmac,
    pepper_kid: kid,
    hint: z.string(),
    kind: z.enum(['secret', 'restricted']),
    scopes: z.array(z.enum(scopes)),
    sealed,
  }),
  ApiKeyRotated: z.strictObject({
    hmac,
    pepper_kid: kid,
    hint: z.string(),
    old_valid_until: instant,
  }),
  ApiKeyRevoked: z.strictObject({ reason: z.enum(['requested']) }),
} as const

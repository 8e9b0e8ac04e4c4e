import { z } from 'zod'
import { kid } from './shapes.ts'

/** `sys.signing-key-<kid>`. `public_key` = base64 of the 32 raw bytes; `cross_sig` by the key `by`. */
export const signingKeyEvents = {
  SigningKeyAdded: z.strictObject({
    kid,
    public_key: z.base64(),
    by: kid,
    cross_sig: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
  }),
  SigningKeyRetired: z.strictObject({ kid }),
} as const

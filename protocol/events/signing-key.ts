import { z } from 'zod'

/** First 16 hex digits of SHA-256 of the public key. */
const kid = z.string().regex(/^[0-9a-f]{16}$/)

/** `sys.signing-key-<kid>`. `public_key` = base64 of the 32 raw bytes; `cross_sig` by the key `by`. */
export const signingKeyEvents = {
  SigningKeyAdded: z.strictObject({
    kid,
    public_key: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
    by: kid,
    cross_sig: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
  }),
  SigningKeyRetired: z.strictObject({ kid }),
} as const

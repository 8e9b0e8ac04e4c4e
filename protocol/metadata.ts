import { z } from 'zod'
import { metadataKeyCharsMax, metadataKeysMax, metadataValueCharsMax } from './limits.ts'
import { line, text } from './text.ts'

/**
 * What a customer keeps beside a resource (HTTP contract, decision 20): at most `metadataKeysMax` members, each a string of up to
 * `metadataValueCharsMax` characters, a number or a boolean; names of 1 to `metadataKeyCharsMax` characters.
 */
export const metadataSchema = z
  .record(
    line(metadataKeyCharsMax),
    z.union([text(metadataValueCharsMax), z.number(), z.boolean()], {
      error: `must be a string of at most ${metadataValueCharsMax} characters, a number or a boolean`,
    }),
  )
  .refine((metadata) => Object.keys(metadata).length <= metadataKeysMax, {
    error: `has more than ${metadataKeysMax} members`,
  })
export type Metadata = z.infer<typeof metadataSchema>

import { z } from 'zod'

/**
 * Text that people or devices wrote, at most `charsMax` UTF-16 units. No lone surrogate (JCS cannot sign it) and no NUL (Postgres
 * cannot hold it).
 */
export const text = (charsMax: number) =>
  z
    .string()
    .max(charsMax)
    .refine((value) => value.isWellFormed(), 'has a lone surrogate')
    .refine((value) => !value.includes('\0'), 'has a NUL')

const lineForm = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+$/u

/** One line of text, not empty: no control characters, no line breaks. */
export const line = (charsMax: number) =>
  z.string().min(1).max(charsMax).regex(lineForm, 'has control characters')

const printableForm =
  /^[^\p{Cc}\p{Cf}\p{Cs}\p{Z}]([^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*[^\p{Cc}\p{Cf}\p{Cs}\p{Z}])?$/u

/** What can be printed on a label and read back: nothing invisible, no space at either end. */
export const printable = (charsMax: number) =>
  z.string().min(1).max(charsMax).regex(printableForm, 'has characters that are not printable')

/** A whole number in the range. `-0`, which JCS refuses to sign, becomes 0. */
export const whole = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z
    .int()
    .min(min)
    .max(max)
    .overwrite((value) => value + 0)

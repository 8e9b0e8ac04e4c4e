/** Base62 with the alphabet `0-9A-Za-z`, big-endian. */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Chance, handed in: as many unpredictable bytes as are asked for. */
export type Random = (bytes: number) => Uint8Array

/** The number that the bytes spell, big-endian, as base62 left-padded with `0` to `width` characters. */
export const encodeBase62 = (bytes: Uint8Array, width: number): string => {
  let rest = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  let text = ''
  while (rest > 0n) {
    text = alphabet.charAt(Number(rest % 62n)) + text
    rest /= 62n
  }
  return text.padStart(width, '0')
}

// 248 = 4 * 62: bytes from there up are thrown away, so that every character is equally likely.
const unbiasedBelow = 248

/** `chars` characters, each uniformly random. */
export const randomBase62 = (chars: number, random: Random): string => {
  let text = ''
  while (text.length < chars) {
    for (const byte of random(chars))
      if (byte < unbiasedBelow && text.length < chars) text += alphabet.charAt(byte % 62)
  }
  return text
}

import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { kidOf } from '../../protocol/envelope.ts'
import type { Secrets } from '../../src/store/keyring.ts'

const signingPair = () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' })
  return { privateKey, publicKey: Buffer.from(x ?? '', 'base64url') }
}

/** Fresh secrets, as a first start makes them. */
export const freshSecrets = (): Secrets => {
  const pair = signingPair()
  const kid = () => `a${randomBytes(4).toString('hex').slice(1)}`
  return {
    pepper: new Map([[kid(), randomBytes(32)]]),
    signing: new Map([[kidOf(pair.publicKey), pair]]),
    kek: new Map([[kid(), randomBytes(32)]]),
    projectHmac: randomBytes(32),
    cursor: randomBytes(32),
  }
}

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { newId, type ProjectId, type TokenId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import { mintToken, tokenHmac } from '../../protocol/tokens.ts'
import { loadSecrets } from '../../src/config-secrets.ts'
import { yielding } from '../../src/domain/decision.ts'
import { bind, type Device, device, register } from '../../src/domain/device.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { newestOf } from '../../src/store/keyring.ts'
import { createLedger } from '../../src/store/ledger.ts'
import { deviceStream } from '../../src/store/streams.ts'
import { type BoundDevice, inParallel, type LapelUnderTest } from './lapel.ts'

const atOnce = 256

/** Registered and bound in one append. */
const registerAndBind =
  (registration: Parameters<typeof register>[0], binding: Parameters<typeof bind>[0]) =>
  (at: Instant) =>
  (state: Device) => {
    const first = register(registration)(state)
    const known = first.events.reduce((s, event) => device.evolve(s, { ...event, at }), state)
    const { outcome, events } = bind(binding)(known)
    return yielding(outcome, ...first.events, ...events)
  }

/**
 * Thousands of bound devices, written straight into the log: of them a bench needs nothing but their tokens. Their serial numbers
 * are sealed with a key that nobody has, as after an erasure.
 */
export const makeFleet = async (
  lapel: Pick<LapelUnderTest, 'data' | 'eventStoreUrl'>,
  project: ProjectId,
  count: number,
): Promise<readonly BoundDevice[]> => {
  const loaded = await loadSecrets(join(lapel.data, 'secrets.json'))
  if (loaded.kind !== 'secrets') throw new Error(loaded.because)
  const { secrets } = loaded
  const store = connectEventStore(lapel.eventStoreUrl)
  // Of a device that never was there is nothing to read.
  const unread = { ...store, readStream: async () => [], readLast: async () => undefined }
  const ledger = createLedger({ store: unread, secrets, now: Date.now, random: randomBytes })
  const [pepper_kid, pepper] = newestOf(secrets.pepper)
  const endUserId = newId('eu_', randomBytes)
  const one = async (): Promise<BoundDevice> => {
    const deviceId = newId('dev_', randomBytes)
    const token = mintToken('dtok', randomBytes)
    const registration = {
      deviceId,
      model: 'bota_pin',
      generation: 1,
      serialHash: randomBytes(32).toString('hex'),
      sealed: randomBytes(48).toString('base64'),
    }
    const secret = { token_id: token.id as TokenId, hmac: tokenHmac(token, pepper), pepper_kid }
    const binding = { bindingId: newId('bind_', randomBytes), endUserId, token: secret }
    const decide = registerAndBind(registration, binding)
    const by = { project, actor: 'system', requestId: null } as const
    await ledger.transact(deviceStream(project, deviceId), device, decide, by)
    return { id: deviceId, token: token.text }
  }
  try {
    return await inParallel(count, atOnce, one)
  } finally {
    await store.close()
  }
}

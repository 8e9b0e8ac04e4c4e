import { type DeviceId, newId, parseId } from '../../../protocol/ids.ts'
import { claimAttemptsMax } from '../../../protocol/limits.ts'
import type { CreateDeviceBody } from '../../../protocol/requests.ts'
import { yielding } from '../../domain/decision.ts'
import { type Device, device, type RegisteredDevice, register } from '../../domain/device.ts'
import { claimHash, derivedIdOf, projectKey } from '../../store/keyed.ts'
import { Contended, type Done } from '../../store/ledger.ts'
import { seal } from '../../store/seal.ts'
import { deviceStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { claimValue, type Standing } from './claimed.ts'
import type { Written } from './written.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'secrets' | 'random'>

export type RegisterOutcome =
  /** `known`: the serial number is a device's already, which is answered as it is. */
  | ({ readonly kind: 'registered' | 'known' | 'replayed' } & Written<RegisteredDevice>)
  | { readonly kind: 'idempotency-mismatch' }

type Registering = {
  readonly command: Command<CreateDeviceBody>
  /** Keyed hash of the serial number. */
  readonly hash: string
}

const holdsSerial = (state: Device, hash: string): state is RegisteredDevice =>
  state.status !== 'unknown' && state.status !== 'retired' && state.serialHash === hash

const standing = (state: Device, hash: string): Standing => {
  if (state.status === 'unknown') return 'pending'
  return holdsSerial(state, hash) ? 'holds' : 'gone'
}

/** What the stream says of our own request: carried out before, another body, or nothing (`undefined`). */
const ended = (
  done: Done<Device, { readonly kind: string }>,
  hash: string,
): RegisterOutcome | undefined => {
  if (done.kind === 'idempotency-mismatch') return done
  if (done.state.status === 'unknown') return undefined
  const { state, revision, position } = done
  if (done.kind === 'replayed') return { kind: 'replayed', state, revision, position }
  if (!holdsSerial(state, hash)) return undefined
  const kind = done.outcome.kind === 'registered' ? 'registered' : 'known'
  return { kind, state, revision, position }
}

const create = async (
  { ledger, vault, random }: Deps,
  { command: { by, body }, hash }: Registering,
  { id, generation }: { readonly id: DeviceId; readonly generation: number },
): Promise<RegisterOutcome | undefined> => {
  const { serial_number, model, metadata = {}, name, firmware_version } = body
  const key = await vault.keyFor(by.project, id)
  const sealed = seal({ serial_number, metadata, name, firmware_version }, key, random)
  const args = { deviceId: id, model, generation, serialHash: hash, sealed }
  const done = await ledger.transact(deviceStream(by.project, id), device, () => register(args), by)
  return ended(done, hash)
}

/** Writes nothing: whether our own request made the device, and the device. */
const look = (
  { ledger }: Deps,
  { by }: Command<unknown>,
  id: DeviceId,
): Promise<Done<Device, { readonly kind: 'looked' }>> =>
  ledger.transact(
    deviceStream(by.project, id),
    device,
    () => () => yielding({ kind: 'looked' as const }),
    by,
  )

/** The id that is ours to create, unless the request was carried out before. */
const ownId = async (
  deps: Deps,
  { command, hash }: Registering,
): Promise<RegisterOutcome | DeviceId> => {
  const { secrets, random } = deps
  const { by, idempotencyKey } = command
  if (idempotencyKey === undefined) return newId('dev_', random)
  const id = derivedIdOf(projectKey(secrets, by.project), 'dev_', idempotencyKey)
  const done = await look(deps, command, id)
  const before = ended(done, hash)
  if (before) return before
  // Somebody inherited the id with another serial number, before anything of ours was written.
  const taken = done.kind === 'done' && done.state.status !== 'unknown'
  return taken ? newId('dev_', random) : id
}

/** One try for the id: whoever holds the serial number already, or the device created under it; `undefined`: it changed hands meanwhile. */
const tryFor = async (
  deps: Deps,
  registering: Registering,
  id: DeviceId,
): Promise<RegisterOutcome | undefined> => {
  const { command, hash } = registering
  const { project } = command.by
  const read = (holder: DeviceId) => deps.ledger.read(deviceStream(project, holder), device)
  const wanted = {
    hash,
    id,
    parse: (holder: string) => parseId('dev_', holder),
    own: 'pending' as const,
    standingOf: async (holder: DeviceId) => standing((await read(holder)).state, hash),
    prepare: (own: DeviceId) => deps.vault.keyFor(project, own),
  }
  const claimed = await claimValue(deps, wanted, command)
  if (claimed.kind === 'create') return create(deps, registering, claimed)
  return ended(await look(deps, command, claimed.holder), hash)
}

/**
 * Registers a device under its serial number, which at most one device of the project holds. Throws `StoreUnavailable`,
 * `VaultUnavailable`, `Contended`.
 */
export const registerDevice =
  (deps: Deps) =>
  async (command: Command<CreateDeviceBody>): Promise<RegisterOutcome> => {
    const key = projectKey(deps.secrets, command.by.project)
    const hash = claimHash(key, 'serial_number', command.body.serial_number)
    const registering = { command, hash }
    let id = await ownId(deps, registering)
    for (let attempt = 1; attempt <= claimAttemptsMax; attempt += 1) {
      if (typeof id !== 'string') return id
      const outcome = await tryFor(deps, registering, id)
      if (outcome) return outcome
      // Whatever became of that id, it is not ours any more.
      id = newId('dev_', deps.random)
    }
    throw new Contended(`a serial number changed hands ${claimAttemptsMax} times`)
  }

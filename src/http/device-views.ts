import { type DeviceView, type ListedDevice, readDevice } from '../../projections/devices.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import { type Instant, instantOf } from '../../protocol/instant.ts'
import type { RegisteredDevice } from '../domain/device.ts'
import { openAll } from '../store/seal.ts'
import type { Reply } from './call.ts'
import {
  deviceOfFold,
  deviceOfRow,
  type Members,
  type Opened,
  settingsMembers,
} from './device-reply.ts'
import type { HttpDeps } from './ports.ts'
import { settle } from './settle.ts'
import type { Written } from './use-cases/written.ts'

type Clock = Pick<HttpDeps, 'now' | 'onlineWindowSeconds'>
type Deps = Clock & Pick<HttpDeps, 'reads' | 'projector' | 'auth' | 'vault' | 'log'>

/** A device as it is answered: `brief` in lists and by writes, `full` with its settings, and its revision. */
export type ShownDevice = {
  readonly brief: Members
  readonly full: Members
  readonly revision: number
}

/** The oldest heartbeat over HTTP that counts as a sign of being online (HTTP contract, decision 21). */
export const onlineSince = ({ now, onlineWindowSeconds }: Clock): Instant =>
  instantOf(now() - onlineWindowSeconds * 1_000)

/** A device as lists show it. */
export const briefOf = ({ now, onlineWindowSeconds }: Clock, row: ListedDevice): Members =>
  deviceOfRow(row, { nowMs: now(), seconds: onlineWindowSeconds })

export const showRow = (clock: Clock, row: DeviceView): ShownDevice => {
  const brief = briefOf(clock, row)
  const full = { ...brief, ...settingsMembers(row.settings, row.settings_version) }
  return { brief, full, revision: Number(row.revision) }
}

export const showFold = (
  project: ProjectId,
  { state, revision }: Pick<Written<RegisteredDevice>, 'state' | 'revision'>,
  opened: Opened,
): ShownDevice => {
  const brief = deviceOfFold(project, state, opened)
  const full = { ...brief, ...settingsMembers(state.settings, state.settingsVersion) }
  return { brief, full, revision }
}

/** What is sealed about the device, as far as its key can be had now. */
const openedIfPossible = async ({ vault }: Deps, device: RegisteredDevice): Promise<Opened> => {
  const key = await vault.keyOf(device.deviceId).catch(() => undefined)
  return key ? openAll(device.sealed, key) : {}
}

const rowSince = async (
  { reads, log }: Deps,
  project: ProjectId,
  { state, revision }: Written<RegisteredDevice>,
): Promise<DeviceView | undefined> => {
  try {
    const row = await readDevice(reads(project), project, state.deviceId)
    return row && Number(row.revision) >= revision ? row : undefined
  } catch (err) {
    log.warn({ err }, 'a write is answered without its read model')
    return undefined
  }
}

/**
 * A device after a write, which is never refused any more: its row once that has caught up (bounded), otherwise what its stream says.
 */
export const showWritten = async (
  deps: Deps,
  project: ProjectId,
  written: Written<RegisteredDevice>,
): Promise<ShownDevice> => {
  await settle(deps, written.position)
  const row = await rowSince(deps, project, written)
  if (row) return showRow(deps, row)
  return showFold(project, written, await openedIfPossible(deps, written.state))
}

/** What the `ETag` of a reply about one device is made of. */
export const validatorOf = ({ full, revision }: ShownDevice): NonNullable<Reply['resource']> => ({
  revision,
  representation: full,
})

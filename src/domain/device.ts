import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import type { BindingId, DeviceId, EndUserId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import { jcs } from '../../protocol/jcs.ts'
import { type DeviceSettings, effectiveSettings, mergeSettings } from '../../protocol/settings.ts'
import {
  type Aggregate,
  type Decision,
  type Refusal,
  refuse,
  type Timed,
  yielding,
} from './decision.ts'
import {
  type DeviceTokens,
  evolveTokens,
  liveTokenIds,
  noTokens,
  type TokenSecret,
} from './device-tokens.ts'

// --- state

export type Binding = {
  readonly bindingId: BindingId
  readonly endUserId: EndUserId
  readonly since: Instant
}

/** Half-open; `until` is `null` while it is bound. */
export type BoundPeriod = Binding & { readonly until: Instant | null }

export type RegisteredDevice = {
  readonly status: 'unbound' | 'bound' | 'retired'
  readonly deviceId: DeviceId
  readonly model: string
  readonly generation: number
  readonly serialHash: string
  /** Sealed objects, oldest first; opened and laid over each other they are what people wrote about the device. */
  readonly sealed: readonly string[]
  /** What was set explicitly; `effectiveSettings` lays it over the defaults. */
  readonly settings: DeviceSettings
  readonly settingsVersion: number
  readonly createdAt: Instant
  readonly updatedAt: Instant
  readonly binding: Binding | null
  /** Every time that it was bound, oldest first. */
  readonly bindings: readonly BoundPeriod[]
  readonly tokens: DeviceTokens
}
export type Device = { readonly status: 'unknown' } | RegisteredDevice

export const initial: Device = { status: 'unknown' }

// --- evolve

const registered = (event: Timed<DeviceEvent> & { type: 'DeviceRegistered' }): Device => ({
  status: 'unbound',
  deviceId: event.data.device_id,
  model: event.data.model,
  generation: event.data.generation,
  serialHash: event.data.serial_hash,
  sealed: [event.data.sealed],
  settings: {},
  settingsVersion: 0,
  createdAt: event.at,
  updatedAt: event.at,
  binding: null,
  bindings: [],
  tokens: noTokens,
})

const bound = (
  { bindings }: RegisteredDevice,
  { data, at }: Timed<DeviceEvent> & { type: 'DeviceBound' },
): Partial<RegisteredDevice> => {
  const binding = { bindingId: data.binding_id, endUserId: data.end_user_id, since: at }
  return { status: 'bound', binding, bindings: [...bindings, { ...binding, until: null }] }
}

const ended = (bindings: readonly BoundPeriod[], at: Instant): readonly BoundPeriod[] =>
  bindings.map((one) => (one.until === null ? { ...one, until: at } : one))

const changed = (
  device: RegisteredDevice,
  event: Timed<DeviceEvent>,
): Partial<RegisteredDevice> => {
  switch (event.type) {
    case 'DeviceRegistered':
      return {}
    case 'DeviceUpdated':
      return {
        sealed: event.data.sealed ? [...device.sealed, event.data.sealed] : device.sealed,
        settings: event.data.settings ?? device.settings,
        settingsVersion: event.data.settings_version ?? device.settingsVersion,
      }
    case 'DeviceBound':
      return bound(device, event)
    case 'DeviceUnbound':
      return { status: 'unbound', binding: null, bindings: ended(device.bindings, event.at) }
    case 'DeviceRetired':
      return { status: 'retired' }
    case 'DeviceTokenIssued':
    case 'DeviceTokenRefreshed':
    case 'DeviceTokenConfirmed':
    case 'DeviceTokenRevoked':
    case 'TokenReuseDetected':
    case 'CloneSuspected':
      return { tokens: evolveTokens(device.tokens, event) }
  }
}

// What is only said about a token leaves the record of the device as it was.
const touches: ReadonlySet<DeviceEvent['type']> = new Set([
  'DeviceUpdated',
  'DeviceBound',
  'DeviceUnbound',
  'DeviceRetired',
])

export const evolve = (device: Device, event: Timed<DeviceEvent>): Device => {
  if (event.type === 'DeviceRegistered') return registered(event)
  if (device.status === 'unknown') return device
  return {
    ...device,
    ...changed(device, event),
    updatedAt: touches.has(event.type) ? event.at : device.updatedAt,
  }
}

export const device: Aggregate<Device, DeviceEvent> = { initial, evolve }

// --- outcomes and decisions

export type Registration = {
  readonly deviceId: DeviceId
  readonly model: string
  readonly generation: number
  readonly serialHash: string
  readonly sealed: string
}

/** Registering a stream that is in use yields nothing: whoever came first made the device. */
export const register =
  (args: Registration) =>
  (state: Device): Decision<{ readonly kind: 'registered' | 'exists' }, DeviceEvent> =>
    state.status === 'unknown'
      ? yielding(
          { kind: 'registered' },
          {
            type: 'DeviceRegistered',
            data: {
              device_id: args.deviceId,
              model: args.model,
              generation: args.generation,
              serial_hash: args.serialHash,
              sealed: args.sealed,
            },
          },
        )
      : yielding({ kind: 'exists' })

type Unusable = 'unknown-device' | 'retired'
const unusable = (state: Device): Unusable | undefined => {
  if (state.status === 'unknown') return 'unknown-device'
  return state.status === 'retired' ? 'retired' : undefined
}

export type Update = {
  /** A sealed object that holds only what changes. */
  readonly sealed?: string
  /** Merged deeply over what was set, unless they replace it. */
  readonly settings?: DeviceSettings
  readonly replacesSettings?: boolean
}
export type UpdateOutcome = { readonly kind: 'updated' | 'unchanged' } | Refusal<Unusable>

const newSettings = (
  state: RegisteredDevice,
  { settings: change, replacesSettings = false }: Update,
) => {
  if (change === undefined) return undefined
  const settings = replacesSettings ? change : mergeSettings(state.settings, change)
  const same = jcs(effectiveSettings(settings)) === jcs(effectiveSettings(state.settings))
  return same ? undefined : { settings, settings_version: state.settingsVersion + 1 }
}

export const update =
  (args: Update) =>
  (state: Device): Decision<UpdateOutcome, DeviceEvent> => {
    if (state.status === 'unknown') return refuse('unknown-device')
    if (state.status === 'retired') return refuse('retired')
    const settings = newSettings(state, args)
    if (args.sealed === undefined && !settings) return yielding({ kind: 'unchanged' })
    const sealed = args.sealed === undefined ? {} : { sealed: args.sealed }
    return yielding(
      { kind: 'updated' },
      { type: 'DeviceUpdated', data: { ...sealed, ...settings } },
    )
  }

export type BindOutcome = { readonly kind: 'bound' } | Refusal<Unusable | 'already-bound'>

/** One append: `DeviceBound` and the token that comes with it. Binding a bound device is refused, whoever the end user is. */
export const bind =
  (args: { bindingId: BindingId; endUserId: EndUserId; token: TokenSecret }) =>
  (state: Device): Decision<BindOutcome, DeviceEvent> => {
    const because = unusable(state)
    if (because) return refuse(because)
    if (state.status === 'bound') return refuse('already-bound')
    return yielding(
      { kind: 'bound' },
      { type: 'DeviceBound', data: { binding_id: args.bindingId, end_user_id: args.endUserId } },
      { type: 'DeviceTokenIssued', data: { ...args.token, binding_id: args.bindingId } },
    )
  }

export type UnbindReason = 'requested' | 'retired' | 'end_user_deleted'
export type UnbindOutcome = { readonly kind: 'unbound' | 'not-bound' } | Refusal<Unusable>

const unbound = (binding: Binding, tokens: DeviceTokens, reason: UnbindReason): DeviceEvent[] => [
  {
    type: 'DeviceUnbound',
    data: { binding_id: binding.bindingId, end_user_id: binding.endUserId, reason },
  },
  {
    type: 'DeviceTokenRevoked',
    data: {
      token_ids: [...liveTokenIds(tokens)],
      reason: reason === 'retired' ? 'retired' : 'unbound',
    },
  },
]

/** One append: `DeviceUnbound` and the end of every token that still works. */
export const unbind =
  (args: { reason: UnbindReason }) =>
  (state: Device): Decision<UnbindOutcome, DeviceEvent> => {
    const because = unusable(state)
    if (because) return refuse(because)
    if (state.status !== 'bound' || !state.binding) return yielding({ kind: 'not-bound' })
    return yielding({ kind: 'unbound' }, ...unbound(state.binding, state.tokens, args.reason))
  }

export type RetireOutcome =
  | { readonly kind: 'retired' | 'already-retired' }
  | Refusal<'unknown-device'>

export const retire =
  () =>
  (state: Device): Decision<RetireOutcome, DeviceEvent> => {
    if (state.status === 'unknown') return refuse('unknown-device')
    if (state.status === 'retired') return yielding({ kind: 'already-retired' })
    const ending = state.binding ? unbound(state.binding, state.tokens, 'retired') : []
    return yielding({ kind: 'retired' }, ...ending, {
      type: 'DeviceRetired',
      data: { reason: 'requested' },
    })
  }

import {
  type DeviceId,
  type EndUserId,
  newId,
  parseId,
  type RecordingId,
} from '../../../protocol/ids.ts'
import { type Instant, instantOf } from '../../../protocol/instant.ts'
import { deviceInstant } from '../../../protocol/recording-payloads.ts'
import type { CreateRecordingBody } from '../../../protocol/recording-requests.ts'
import { type Device, device } from '../../domain/device.ts'
import { endUser } from '../../domain/end-user.ts'
import { start } from '../../domain/recording/device-decisions.ts'
import { type Owner, ownerBy } from '../../domain/recording/owner.ts'
import { recording } from '../../domain/recording/state.ts'
import { derivedIdOf, projectKey } from '../../store/keyed.ts'
import { seal } from '../../store/seal.ts'
import { deviceStream, endUserStream, recordingStream } from '../../store/streams.ts'
import type { Caller } from '../call.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { invalidValue, notFound } from '../problems.ts'
import { type Present, presentOf } from './recordings.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'secrets' | 'random' | 'now'>
type Create = Command<CreateRecordingBody> & { readonly caller: Caller }
type Whose = { readonly deviceId: DeviceId | null; readonly owner: Owner }
type Registered = Exclude<Device, { status: 'unknown' }>

const ofNobodyDoubtful = { skewMs: null, quarantineReason: null } as const

const readDevice = async ({ ledger }: Deps, { by }: Create, id: DeviceId | undefined) => {
  const read = id && (await ledger.read(deviceStream(by.project, id), device))
  if (!read || read.state.status === 'unknown') throw notFound('device_id')
  return read.state
}

const readPerson = async ({ ledger }: Deps, { by }: Create, text: string): Promise<EndUserId> => {
  const id = parseId('eu_', text)
  const read = id && (await ledger.read(endUserStream(by.project, id), endUser))
  if (!id || read?.state.status !== 'active') throw notFound('end_user_id')
  return id
}

/** It began now where nothing is said, and never after its end. */
const timesOf = ({ body }: Create, now: Instant) => {
  const to = body.ended_at === undefined ? undefined : deviceInstant(body.ended_at)
  const latest = to !== undefined && to < now ? to : now
  const from = body.started_at === undefined ? latest : deviceInstant(body.started_at)
  if (to !== undefined && to < from) throw invalidValue('ended_at', 'must not be before started_at')
  return { from, to: to ?? from }
}

/** By when it was recorded, where that is said; else whoever has the device now. */
const ownerOfDevice = (create: Create, { binding, bindings }: Registered, now: Instant): Owner => {
  if (create.body.started_at === undefined && binding)
    return { endUserId: binding.endUserId, bindingId: binding.bindingId, ...ofNobodyDoubtful }
  const evidence = { bindings, skewMs: 0, isClockSynced: true, receivedAt: now }
  return ownerBy(evidence)(timesOf(create, now))
}

const whoseByDevice = async (deps: Deps, create: Create, id: DeviceId, now: Instant) => {
  const state = await readDevice(deps, create, id)
  return { deviceId: id, owner: ownerOfDevice(create, state, now) }
}

/** A key says whose it is; a device alone stands for whoever it is bound to. */
const whoseByKey = async (deps: Deps, create: Create, now: Instant): Promise<Whose> => {
  const { device_id, end_user_id } = create.body
  const deviceId = device_id === undefined ? null : parseId('dev_', device_id)
  const of = deviceId === null ? undefined : await readDevice(deps, create, deviceId)
  if (end_user_id === undefined) {
    const isKnown = of && (of.binding !== null || create.body.started_at !== undefined)
    if (!isKnown) throw invalidValue('end_user_id', 'is required')
    return { deviceId: of.deviceId, owner: ownerOfDevice(create, of, now) }
  }
  const endUserId = await readPerson(deps, create, end_user_id)
  const binding = of?.bindings.findLast((one) => one.endUserId === endUserId)
  const owner = { endUserId, bindingId: binding?.bindingId ?? null, ...ofNobodyDoubtful }
  return { deviceId: of?.deviceId ?? null, owner }
}

/** What a person wrote, under the key of the one whose recording it is, else under its own. */
const sealedOf = async (deps: Deps, { by, body }: Create, owner: Owner, id: RecordingId) => {
  const { name, metadata } = body
  if (name === undefined && metadata === undefined) return {}
  const key = await deps.vault.keyFor(by.project, owner.endUserId ?? id)
  const sealed = seal({ name: name ?? null, metadata: metadata ?? {} }, key, deps.random)
  return { sealed, ...(owner.endUserId !== null && { sealedFor: owner.endUserId }) }
}

/** Begins a recording. Throws 404 and 422, `StoreUnavailable`, `VaultUnavailable`, `Contended`. */
export const createRecording =
  (deps: Deps) =>
  async (create: Create): Promise<Present & { readonly isReplayed: boolean }> => {
    const { by, body, caller, idempotencyKey } = create
    const now = instantOf(deps.now())
    const key = projectKey(deps.secrets, by.project)
    const recordingId =
      idempotencyKey === undefined
        ? newId('rec_', deps.random)
        : derivedIdOf(key, 'rec_', `${by.actor}/${idempotencyKey}`)
    const whose =
      caller.kind === 'device'
        ? await whoseByDevice(deps, create, caller.deviceId, now)
        : await whoseByKey(deps, create, now)
    const times = timesOf(create, now)
    const args = {
      recordingId,
      source: 'http',
      deviceId: whose.deviceId,
      ownerOf: () => whose.owner,
      codec: body.streaming ? (body.codec ?? 'opus') : null,
      sampleRate: body.sample_rate ?? null,
      startedAt: times.from,
      ...(body.ended_at !== undefined && { endedAt: times.to }),
      boot: null,
      ...(await sealedOf(deps, create, whose.owner, recordingId)),
    } as const
    const stream = recordingStream(by.project, recordingId)
    return presentOf(await deps.ledger.transact(stream, recording, () => start(args), by))
  }

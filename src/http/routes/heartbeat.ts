import type { DeviceId, EndUserId } from '../../../protocol/ids.ts'
import { instantOf } from '../../../protocol/instant.ts'
import { sealKeyMsMax } from '../../../protocol/limits.ts'
import type { Entry } from '../../../protocol/observations.ts'
import { heartbeatReply } from '../../../protocol/replies.ts'
import { type HeartbeatBody, heartbeatBody } from '../../../protocol/requests.ts'
import { device } from '../../domain/device.ts'
import { seal } from '../../store/seal.ts'
import { deviceStream } from '../../store/streams.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { checked } from '../commands.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { Problem } from '../problems.ts'
import { refusal } from '../refusals.ts'

export const heartbeatOperation: Operation = {
  id: 'heartbeat',
  tag: 'Devices',
  summary: 'Report a heartbeat',
  description: 'By the device, or by a backend that relays what it read.',
  params: devicePath,
  body: {
    schema: heartbeatBody,
    example: { boot: 17, seq: 4_211, battery_percent: 81, connection_type: ['4g'] },
    required: false,
  },
  replies: {
    200: {
      says: 'It is stored.',
      body: heartbeatReply,
      example: { status: 'ok' },
      headers: ['Position'],
    },
  },
  refusals: ['invalid_state'],
}

/** Whom the device was bound to: a token says so itself, for a key the stream does. */
const ownerOf = async (
  { ledger }: HttpDeps,
  { caller, project }: ProjectCall,
  deviceId: DeviceId,
): Promise<EndUserId | undefined> => {
  if (caller.kind === 'device') return caller.endUserId
  const { state } = await ledger.read(deviceStream(project, deviceId), device)
  if (state.status === 'unknown') throw refusal('unknown-device')
  if (state.status === 'retired') throw refusal('retired')
  return state.binding?.endUserId
}

const byOf = ({ caller }: ProjectCall): Entry['by'] => {
  if (caller.kind === 'device') return caller.tokenId
  if (caller.kind === 'key') return caller.keyId
  // An entry names a token or a key, and the command line is neither.
  throw new Problem('forbidden')
}

/** Without the owner's key in time what a person may have written is left out: an observation never waits for the vault. */
const sealedName = async (
  { vault, random }: HttpDeps,
  owner: EndUserId | undefined,
  device_name: string | undefined,
): Promise<{ readonly sealed?: string; readonly sealed_for?: EndUserId }> => {
  if (owner === undefined || device_name === undefined) return {}
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), sealKeyMsMax)
  })
  const key = await Promise.race([vault.keyOf(owner).catch(() => undefined), late])
  clearTimeout(timer)
  return key ? { sealed: seal({ device_name }, key, random), sealed_for: owner } : {}
}

/** POST /v1/devices/{id}/heartbeat: by the device, or by a backend that relays what it read over BLE. */
export const heartbeat =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const id = deviceIn(call)
    const rx = instantOf(deps.now())
    const body: HeartbeatBody = checked(heartbeatBody, (await call.readJson()) ?? {})
    const { boot, seq, at, device_name, ...reported } = body
    const owner = await ownerOf(deps, call, id)
    const position = await deps.ingest.observe({
      k: 'heartbeat',
      via: 'http',
      p: call.project,
      d: id,
      by: byOf(call),
      ...(boot !== undefined && { boot }),
      ...(seq !== undefined && { seq }),
      ...(at !== undefined && { at }),
      rx,
      data: { ...reported, ...(await sealedName(deps, owner, device_name)) },
    })
    // A repeat of what another node stored is acknowledged without its position.
    const stored = position > 0n ? position : undefined
    return { status: 200, body: { status: 'ok' }, position: stored }
  }

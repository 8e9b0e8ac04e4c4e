import {
  deviceSettingsReply,
  deviceSettingsWithStatusReply,
} from '../../../protocol/device-part-replies.ts'
import { deviceSettingsBody } from '../../../protocol/requests.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall, Reply } from '../call.ts'
import { readCommand } from '../commands.ts'
import { settingsOf, withStatus } from '../device-parts.ts'
import { type ShownDevice, showWritten } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { updateDevice } from '../use-cases/update-device.ts'
import { partOperation, readPart } from './device-part.ts'
import { ofRegistered } from './registered.ts'

export const readSettingsOperation: Operation = partOperation({
  id: 'readDeviceSettings',
  summary: 'Read a device’s settings',
  says: 'The settings in force; while the device is online, what it says of itself too.',
  body: deviceSettingsWithStatusReply,
  example: examples.deviceSettings,
})

/** GET /v1/devices/{id}/settings */
export const readSettings = (deps: HttpDeps): Handler<ProjectCall> => readPart(deps, withStatus)

const written: Operation['replies'] = {
  200: {
    says: 'The settings in force from now on.',
    body: deviceSettingsReply,
    example: examples.deviceSettings,
    headers: ['ETag', 'Position'],
  },
}

const writing = {
  tag: 'Devices',
  params: devicePath,
  headers: ['If-Match'],
  replies: written,
  refusals: ['invalid_state'],
} as const

const body = {
  schema: deviceSettingsBody,
  example: { upload: { allow_roaming: true } },
  required: false,
} as const

export const replaceSettingsOperation: Operation = {
  ...writing,
  id: 'replaceDeviceSettings',
  summary: 'Replace a device’s settings',
  description: 'What is left out returns to its default.',
  body,
}

export const changeSettingsOperation: Operation = {
  ...writing,
  id: 'changeDeviceSettings',
  summary: 'Change a device’s settings',
  description: 'Merged deeply: only what is sent changes.',
  body,
}

const replyOf = (device: ShownDevice, position: Reply['position']): Reply => ({
  status: 200,
  body: settingsOf(device.full),
  position,
  resource: { revision: device.revision, representation: withStatus(device.full) },
})

const write =
  (replacesSettings: boolean) =>
  (deps: HttpDeps): Handler<ProjectCall> => {
    const update = updateDevice(deps)
    return async (call) => {
      const id = deviceIn(call)
      const { by, ifMatch, ...command } = await readCommand(deps.secrets, call, deviceSettingsBody)
      const { idem: _, ...plain } = by
      const change = { settings: command.body, replacesSettings }
      const outcome = await update(id, { ...command, by: plain, ifMatch, body: change })
      if (outcome.kind === 'refused') throw refusal(outcome.because)
      const device = await showWritten(deps, call.project, ofRegistered(outcome))
      return replyOf(device, outcome.position)
    }
  }

/** PUT /v1/devices/{id}/settings: what is left out returns to its default. */
export const replaceSettings = write(true)

/** PATCH /v1/devices/{id}/settings: merged deeply. */
export const changeSettings = write(false)

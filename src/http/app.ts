import type { Scope } from '../../protocol/scopes.ts'
import type {
  AdminCall,
  Call,
  DeviceAccess,
  Handler,
  ProjectCall,
  Route,
  UploadCall,
} from './call.ts'
import type { Operation } from './operation.ts'
import type { HttpDeps } from './ports.ts'
import * as keys from './routes/api-keys.ts'
import { asyncApi, asyncApiOperation } from './routes/async-api.ts'
import { bindDevice, bindDeviceOperation } from './routes/bind-device.ts'
import { createDevice, createDeviceOperation } from './routes/create-device.ts'
import { createEndUser, createEndUserOperation } from './routes/create-end-user.ts'
import { deviceHeartbeats, deviceHeartbeatsOperation } from './routes/device-heartbeats.ts'
import { deviceHistory, deviceHistoryOperation } from './routes/device-history.ts'
import { deviceOwner, deviceOwnerOperation } from './routes/device-owner.ts'
import * as settings from './routes/device-settings.ts'
import { readState, readStateOperation } from './routes/device-state.ts'
import { readStats, readStatsOperation } from './routes/device-stats.ts'
import * as health from './routes/health.ts'
import { heartbeat, heartbeatOperation } from './routes/heartbeat.ts'
import { listDevices, listDevicesOperation } from './routes/list-devices.ts'
import { listEndUsers, listEndUsersOperation } from './routes/list-end-users.ts'
import { docs, docsOperation, openApi, openApiOperation } from './routes/openapi.ts'
import * as ownKeys from './routes/own-api-keys.ts'
import { ownedDevices, ownedDevicesOperation } from './routes/owned-devices.ts'
import * as projects from './routes/projects.ts'
import { readDevice, readDeviceOperation } from './routes/read-device.ts'
import { readEndUser, readEndUserOperation } from './routes/read-end-user.ts'
import { rebuild, rebuildOperation } from './routes/rebuild.ts'
import * as changes from './routes/recordings/change-recordings.ts'
import { createRecording, createRecordingOperation } from './routes/recordings/create-recording.ts'
import * as downloads from './routes/recordings/downloads.ts'
import { objectEvents, objectEventsOperation } from './routes/recordings/object-events.ts'
import * as recordings from './routes/recordings/read-recordings.ts'
import * as uploads from './routes/recordings/uploads.ts'
import { refreshToken, refreshTokenOperation } from './routes/refresh-token.ts'
import { retireDevice, retireDeviceOperation } from './routes/retire-device.ts'
import { unbindDevice, unbindDeviceOperation } from './routes/unbind-device.ts'
import { updateDevice, updateDeviceOperation } from './routes/update-device.ts'
import { updateEndUser, updateEndUserOperation } from './routes/update-end-user.ts'

type At = `${Route['method']} /${string}`
type On<Met extends Call> = (deps: HttpDeps) => Handler<Met>

const placed = (at: At) => {
  const [method, path = '/'] = at.split(' ')
  return { method: method as Route['method'], path }
}

const open = (at: At, operation: Operation, on: On<Call>): Route => ({
  ...placed(at),
  access: 'anyone',
  operation,
  on,
})

/** From loopback, or with the `metrics` bearer. */
const operator = (at: At, operation: Operation, on: On<Call>): Route => ({
  ...placed(at),
  access: 'operator',
  operation,
  on,
})

/** With the bearer of this start, from loopback. */
const admin = (at: At, operation: Operation, on: On<AdminCall>): Route => ({
  ...placed(at),
  access: 'admin',
  operation,
  on,
})

/** With the upload token in its path. */
const upload = (at: At, operation: Operation, on: On<UploadCall>): Route => ({
  ...placed(at),
  access: 'upload',
  operation,
  on,
})

/** With the bearer of the object store's notifications. */
const objectStore = (at: At, operation: Operation, on: On<Call>): Route => ({
  ...placed(at),
  access: 'object-store',
  operation,
  on,
})

/** With a key that has the scope; `device` says whether the device's own token opens it too, or alone. */
const scoped =
  (scope: Scope, device: DeviceAccess = 'never') =>
  (at: At, operation: Operation, on: On<ProjectCall>): Route => ({
    ...placed(at),
    access: { scope, device },
    operation,
    on,
  })

const endUsersRead = scoped('end_users:read')
const endUsersWrite = scoped('end_users:write')
const devicesRead = scoped('devices:read')
const devicesReadOrOwn = scoped('devices:read', 'own')
const devicesWrite = scoped('devices:write')
const devicesWriteOrOwn = scoped('devices:write', 'own')
const recordingsRead = scoped('recordings:read')
const recordingsWrite = scoped('recordings:write')
const recordingsWriteOrOwn = scoped('recordings:write', 'recordings')
const uploadsWrite = (at: At, operation: Operation, on: On<ProjectCall>): Route => ({
  ...placed(at),
  access: { scope: 'recordings:write', device: 'recordings', upload: true },
  operation,
  on,
})
const keysRead = scoped('api_keys:read')
const keysWrite = scoped('api_keys:write')
const ownTokenOnly = scoped('devices:write', 'only')

/** Every route there is. */
export const routes: readonly Route[] = [
  open('GET /health/live', health.liveOperation, health.live),
  open('GET /health/ready', health.readyOperation, health.ready),
  operator('GET /metrics', health.metricsOperation, health.metrics),
  open('GET /asyncapi.json', asyncApiOperation, asyncApi),
  open('GET /openapi.json', openApiOperation, () => openApi(routes)),
  open('GET /docs', docsOperation, () => docs(routes)),

  endUsersWrite('POST /v1/end-users', createEndUserOperation, createEndUser),
  endUsersRead('GET /v1/end-users', listEndUsersOperation, listEndUsers),
  endUsersRead('GET /v1/end-users/:id', readEndUserOperation, readEndUser),
  endUsersWrite('PATCH /v1/end-users/:id', updateEndUserOperation, updateEndUser),

  endUsersRead('GET /v1/end-users/:id/devices', ownedDevicesOperation, ownedDevices),

  devicesWrite('POST /v1/devices', createDeviceOperation, createDevice),
  devicesRead('GET /v1/devices', listDevicesOperation, listDevices),
  devicesRead('GET /v1/devices/stats', readStatsOperation, readStats),
  devicesReadOrOwn('GET /v1/devices/:id', readDeviceOperation, readDevice),
  devicesWrite('PATCH /v1/devices/:id', updateDeviceOperation, updateDevice),
  devicesWrite('DELETE /v1/devices/:id', retireDeviceOperation, retireDevice),
  devicesWrite('POST /v1/devices/:id/bind', bindDeviceOperation, bindDevice),
  devicesWrite('POST /v1/devices/:id/unbind', unbindDeviceOperation, unbindDevice),
  ownTokenOnly('POST /v1/devices/:id/token/refresh', refreshTokenOperation, refreshToken),
  devicesWriteOrOwn('POST /v1/devices/:id/heartbeat', heartbeatOperation, heartbeat),
  devicesRead('GET /v1/devices/:id/state', readStateOperation, readState),
  devicesRead(
    'GET /v1/devices/:id/settings',
    settings.readSettingsOperation,
    settings.readSettings,
  ),
  devicesWrite(
    'PUT /v1/devices/:id/settings',
    settings.replaceSettingsOperation,
    settings.replaceSettings,
  ),
  devicesWrite(
    'PATCH /v1/devices/:id/settings',
    settings.changeSettingsOperation,
    settings.changeSettings,
  ),
  devicesRead('GET /v1/devices/:id/heartbeats', deviceHeartbeatsOperation, deviceHeartbeats),
  devicesRead('GET /v1/devices/:id/history', deviceHistoryOperation, deviceHistory),
  devicesRead('GET /v1/devices/:id/owner', deviceOwnerOperation, deviceOwner),

  recordingsWriteOrOwn('POST /v1/recordings', createRecordingOperation, createRecording),
  recordingsRead(
    'GET /v1/recordings',
    recordings.listRecordingsOperation,
    recordings.listRecordings,
  ),
  recordingsRead(
    'GET /v1/recordings/:id',
    recordings.readRecordingOperation,
    recordings.readRecording,
  ),
  recordingsWrite(
    'PATCH /v1/recordings/:id',
    changes.updateRecordingOperation,
    changes.updateRecording,
  ),
  recordingsWrite(
    'DELETE /v1/recordings/:id',
    changes.deleteRecordingOperation,
    changes.deleteRecording,
  ),
  uploadsWrite('POST /v1/recordings/:id/upload-url', uploads.uploadUrlOperation, uploads.uploadUrl),
  uploadsWrite(
    'POST /v1/recordings/:id/upload-complete',
    uploads.uploadCompleteOperation,
    uploads.uploadComplete,
  ),
  recordingsWriteOrOwn(
    'POST /v1/recordings/:id/finalize',
    uploads.finalizeOperation,
    uploads.finalize,
  ),
  recordingsWrite(
    'POST /v1/recordings/:id/assign',
    changes.assignRecordingOperation,
    changes.assignRecording,
  ),
  recordingsRead(
    'GET /v1/recordings/:id/download-url',
    downloads.readDownloadUrlOperation,
    downloads.readDownloadUrl,
  ),
  recordingsRead(
    'POST /v1/recordings/:id/download-url',
    downloads.createDownloadUrlOperation,
    downloads.createDownloadUrl,
  ),
  recordingsRead(
    'GET /v1/recordings/:id/certificate',
    downloads.certificateOperation,
    downloads.readCertificate,
  ),
  upload('PUT /v1/uploads/:token', uploads.relayOperation, uploads.relay),

  keysRead('GET /v1/api-keys', ownKeys.listKeysOperation, ownKeys.listKeys),
  keysWrite('POST /v1/api-keys', ownKeys.createKeyOperation, ownKeys.createKey),
  keysWrite('POST /v1/api-keys/:id/rotate', ownKeys.rotateKeyOperation, ownKeys.rotateKey),
  keysWrite('DELETE /v1/api-keys/:id', ownKeys.revokeKeyOperation, ownKeys.revokeKey),

  admin('POST /internal/projects', projects.createProjectOperation, projects.createProject),
  admin('GET /internal/projects', projects.listProjectsOperation, projects.listProjects),
  admin('POST /internal/api-keys', keys.createKeyOperation, keys.createKey),
  admin('GET /internal/api-keys', keys.listKeysOperation, keys.listKeys),
  admin('POST /internal/api-keys/:id/rotate', keys.rotateKeyOperation, keys.rotateKey),
  admin('DELETE /internal/api-keys/:id', keys.revokeKeyOperation, keys.revokeKey),
  objectStore('POST /internal/s3-events', objectEventsOperation, objectEvents),
  admin('POST /internal/rebuild', rebuildOperation, rebuild),
]

/**
 * Every code that an HTTP answer may carry, with its status and what it says where nothing better is known. The list is closed:
 * HTTP contract, decision 3, and `internal_error` for what should not happen.
 */
export const httpErrors = {
  invalid_request: { status: 400, message: 'The request cannot be parsed.' },
  unauthorized: { status: 401, message: 'A valid credential is needed.' },
  insufficient_scope: { status: 403, message: 'The API key lacks the scope that this needs.' },
  forbidden: { status: 403, message: 'This credential may not do that.' },
  not_found: { status: 404, message: 'There is no such resource.' },
  method_not_allowed: { status: 405, message: 'The resource does not know this method.' },
  device_already_bound: { status: 409, message: 'The device is bound. Unbind it first.' },
  resource_already_exists: { status: 409, message: 'A resource with this value exists already.' },
  invalid_state: { status: 409, message: 'The resource is in a state that does not allow this.' },
  idempotency_mismatch: {
    status: 409,
    message: 'The Idempotency-Key was used with another request.',
  },
  precondition_failed: { status: 412, message: 'The resource has changed.' },
  payload_too_large: { status: 413, message: 'The body is too large.' },
  unsupported_media_type: { status: 415, message: 'The body must be application/json.' },
  validation_failed: { status: 422, message: 'The request has invalid values.' },
  chunk_count_mismatch: { status: 422, message: 'The recording has another number of chunks.' },
  rate_limit_exceeded: { status: 429, message: 'Too many requests.' },
  internal_error: { status: 500, message: 'Something went wrong here.' },
  unavailable: { status: 503, message: 'Not available for the moment.' },
  projection_behind: {
    status: 503,
    message: 'The position that was asked for is not reached yet.',
  },
} as const satisfies Record<string, { readonly status: number; readonly message: string }>
export type HttpErrorCode = keyof typeof httpErrors

/**
 * Every code of `down/errors` (MQTT contract, "Payloads"). `fatal`: what was sent is given up, sending it again cannot help. Otherwise
 * the device may go on with it: later, after announcing the recording, or with another upload of the chunk.
 */
export const mqttErrors = {
  malformed: { fatal: true, message: 'The payload cannot be parsed.' },
  validation_failed: { fatal: true, message: 'The payload has an invalid value.' },
  too_large: { fatal: true, message: 'The payload is too large for its kind.' },
  unknown_version: { fatal: true, message: 'This version of the topics is not known.' },
  unknown_topic: { fatal: true, message: 'There is no such topic.' },
  recording_not_found: { fatal: false, message: 'The recording was never announced.' },
  recording_closed: { fatal: true, message: 'The recording takes no more chunks.' },
  chunk_conflict: { fatal: true, message: 'The chunk was announced with another content.' },
  checksum_mismatch: { fatal: false, message: 'The stored chunk has another checksum.' },
  rate_limited: { fatal: false, message: 'Too many messages.' },
  not_implemented: { fatal: true, message: 'This is not served yet.' },
} as const satisfies Record<string, { readonly fatal: boolean; readonly message: string }>
export type MqttErrorCode = keyof typeof mqttErrors

export const mqttErrorCodes = Object.keys(mqttErrors) as readonly MqttErrorCode[]

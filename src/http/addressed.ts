import { type ApiKeyId, type DeviceId, type EndUserId, parseId } from '../../protocol/ids.ts'
import { ownDevice, type ProjectCall } from './call.ts'
import { notFound } from './problems.ts'

/** What `{id}` names. An id of another form names nothing: 404, as for one that is not there. */
const orNotFound = <Id>(id: Id | undefined): Id => {
  if (id === undefined) throw notFound()
  return id
}

/** `me` names the caller's own device, where the caller is one (HTTP contract, decision 7). */
export const deviceIn = ({ caller, params }: ProjectCall): DeviceId =>
  orNotFound(
    caller.kind === 'device'
      ? ownDevice(caller, params['id'] ?? '')
      : parseId('dev_', params['id']),
  )

export const endUserIn = ({ params }: ProjectCall): EndUserId =>
  orNotFound(parseId('eu_', params['id']))

export const apiKeyIn = (params: ProjectCall['params']): ApiKeyId =>
  orNotFound(parseId('key_', params['id']))

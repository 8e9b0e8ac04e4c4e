import type { AppendReq } from '@eventstore/db-client/generated/streams_pb.js'
import { invalid, missingProperty } from './faults.ts'
import type { Proposed } from './stored.ts'
import { uuidText } from './wire.ts'

/** An event as a request has it; `undefined` is what the request leaves out, or an id that is none. */
export type RawProposal = {
  id: string | undefined
  type: string | undefined
  contentType: string | undefined
  data: Uint8Array
  metadata: Uint8Array
}

const contentOf = (contentType: string): string =>
  contentType === 'application/json' ? contentType : 'application/octet-stream'

/** The event that is proposed; what is missing or malformed is a fault that names it. */
export const propose = ({ id, type, contentType, data, metadata }: RawProposal): Proposed => {
  if (type === undefined) throw missingProperty('type')
  if (contentType === undefined) throw missingProperty('content-type')
  if (id === undefined) throw invalid('An event has no id, or one that is no UUID.')
  if (type === '') throw invalid('An event has an empty type.')
  return { id, type, contentType: contentOf(contentType), data, metadata }
}

export const proposedOf = (message: AppendReq.ProposedMessage): Proposed => {
  const properties = message.getMetadataMap()
  return propose({
    id: uuidText(message.getId()),
    type: properties.get('type'),
    contentType: properties.get('content-type'),
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  })
}

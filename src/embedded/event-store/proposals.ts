import type { AppendReq, BatchAppendReq } from '@eventstore/db-client/generated/streams_pb.js'
import { invalid, missingProperty } from './faults.ts'
import type { Proposed } from './stored.ts'
import { uuidText } from './wire.ts'

type Message = AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage

const contentOf = (contentType: string): string =>
  contentType === 'application/json' ? contentType : 'application/octet-stream'

/** The event that is proposed; what is missing or malformed is a fault that names it. */
export const proposedOf = (message: Message): Proposed => {
  const properties = message.getMetadataMap()
  const type = properties.get('type')
  const contentType = properties.get('content-type')
  if (type === undefined) throw missingProperty('type')
  if (contentType === undefined) throw missingProperty('content-type')
  const id = uuidText(message.getId())
  if (id === undefined) throw invalid('An event has no id, or one that is no UUID.')
  if (type === '') throw invalid('An event has an empty type.')
  return {
    id,
    type,
    contentType: contentOf(contentType),
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  }
}

import type { EventStoreDBClient } from '@eventstore/db-client'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import type { StoredEvent } from './event-store.ts'
import { type Received, respond, unavailable } from './responses.ts'

export type Page = {
  readonly from: number | 'start' | 'end'
  readonly count: number
  readonly backwards: boolean
}

const { Options } = streams.ReadReq
const readDirection = { forwards: 0, backwards: 1 } as const

const requestOf = (stream: string, { from, count, backwards }: Page): ReadReq => {
  const name = new shared.StreamIdentifier().setStreamName(Buffer.from(stream))
  const place = new Options.StreamOptions().setStreamIdentifier(name)
  if (from === 'start') place.setStart(new shared.Empty())
  else if (from === 'end') place.setEnd(new shared.Empty())
  else place.setRevision(`${from}`)
  const options = new Options()
    .setStream(place)
    .setReadDirection(backwards ? readDirection.backwards : readDirection.forwards)
    .setResolveLinks(false)
    .setCount(`${count}`)
    .setUuidOption(new Options.UUIDOption().setString(new shared.Empty()))
    .setNoFilter(new shared.Empty())
  return new streams.ReadReq().setOptions(options)
}

/**
 * A page of a stream; `[]` where there is no such stream, which the client's own read tells by an error that costs more than the page.
 * Throws `StoreUnavailable`.
 */
export const readPage = async (
  client: EventStoreDBClient,
  stream: string,
  page: Page,
): Promise<readonly StoredEvent[]> => {
  const events: StoredEvent[] = []
  try {
    const responses = await respond(client, 'readStream', requestOf(stream, page))
    const take = ({ followed }: Received): void => {
      if (followed?.kind === 'event') events.push(followed.event)
    }
    await new Promise((resolve, reject) => {
      responses.on('data', take).on('end', resolve).on('error', reject)
    })
    return events
  } catch (error) {
    throw unavailable(`read ${stream}`, error)
  }
}

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { ClusterInfo } from '@eventstore/db-client/generated/gossip_pb.js'
import gossip from '@eventstore/db-client/generated/gossip_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type {
  BatchAppendReq,
  BatchAppendResp,
  ReadReq,
  ReadResp,
  TombstoneReq,
  TombstoneResp,
} from '@eventstore/db-client/generated/streams_pb.js'
import {
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type requestCallback,
} from '@grpc/grpc-js'
import { eventStoreMessageBytesMax } from '../../../protocol/limits-embedded.ts'

/** The Streams service of a store, as the generated stubs offer it: contents pass through byte by byte. */
export type Streams = Client & {
  read(request: ReadReq, metadata: Metadata): ClientReadableStream<ReadResp>
  batchAppend(metadata: Metadata): ClientDuplexStream<BatchAppendReq, BatchAppendResp>
  tombstone(
    request: TombstoneReq,
    metadata: Metadata,
    callback: requestCallback<TombstoneResp>,
  ): void
}

export type Store = { readonly streams: Streams; readonly metadata: Metadata; close(): void }

/** An address that is none: a sentence for whoever gave it. */
export class BadAddress extends Error {
  override readonly name = 'BadAddress'
}

// The client's package is CommonJS, and its generated stubs have no types of their own as ES modules.
const load = createRequire(import.meta.url)
const stub = (file: string, name: string) =>
  load(`@eventstore/db-client/generated/${file}_grpc_pb`)[name]

const form = /^esdb(\+discover)?:\/\/(?:([^:@/]+):([^@/]*)@)?([^/?]+)\/?(?:\?(.*))?$/i
const defaultPort = 2113

const credentialsOf = (options: URLSearchParams): ChannelCredentials => {
  if (options.get('tls') === 'false') return credentials.createInsecure()
  const file = options.get('tlsCAFile')
  return credentials.createSsl(file === null ? null : readFileSync(file))
}

const leaderAmong = async (hosts: readonly string[], security: ChannelCredentials) => {
  const GossipClient = stub('gossip', 'GossipClient')
  for (const host of hosts) {
    const client: Client & {
      read(request: object, callback: requestCallback<ClusterInfo>): void
    } = new GossipClient(host, security)
    const info = await new Promise<ClusterInfo | undefined>((resolve) => {
      client.read(new shared.Empty(), (error, found) => resolve(error ? undefined : found))
    })
    client.close()
    const { LEADER } = gossip.MemberInfo.VNodeState
    const leader = info
      ?.getMembersList()
      .find((member) => member.getState() === LEADER)
      ?.getHttpEndPoint()
    if (leader) return `${leader.getAddress()}:${leader.getPort()}`
  }
  throw new BadAddress(`none of ${hosts.join(', ')} knows a leader`)
}

/** Connects to the store that an `esdb://` address names; of a cluster, to its leader. Throws `BadAddress`. */
export const connectStore = async (url: string): Promise<Store> => {
  const [, discover, user, password, names = '', query] = form.exec(url) ?? []
  const hosts = names
    .split(',')
    .map((host) => (/:\d+$/.test(host) ? host : `${host}:${defaultPort}`))
  if (names === '') throw new BadAddress(`${url} is no address: esdb://host:2113?tls=false is one`)
  const lowered = (query ?? '')
    .replace(/(^|&)tlscafile=/i, '$1tlsCAFile=')
    .replace(/(^|&)tls=/i, '$1tls=')
  const security = credentialsOf(new URLSearchParams(lowered))
  const isCluster = discover !== undefined || hosts.length > 1
  const host = isCluster ? await leaderAmong(hosts, security) : (hosts[0] ?? '')
  const StreamsClient = stub('streams', 'StreamsClient')
  const streams: Streams = new StreamsClient(host, security, {
    'grpc.max_receive_message_length': eventStoreMessageBytesMax,
  })
  const metadata = new Metadata()
  if (user !== undefined) {
    const pair = `${decodeURIComponent(user)}:${decodeURIComponent(password ?? '')}`
    metadata.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`)
  }
  metadata.set('requires-leader', 'true')
  return { streams, metadata, close: () => streams.close() }
}

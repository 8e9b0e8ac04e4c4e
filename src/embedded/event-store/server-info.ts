import gossip from '@eventstore/db-client/generated/gossip_pb.js'
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js'
import { unary } from './unary.ts'
import { uuidMessage } from './wire.ts'

/** The version whose behaviour is kept: that of the server it was compared with. */
export const serverVersion = '24.2.0'

const methods: readonly (readonly [string, string, readonly string[]])[] = [
  ['event_store.client.streams.streams', 'append', []],
  ['event_store.client.streams.streams', 'batchappend', ['deadline_duration']],
  ['event_store.client.streams.streams', 'delete', []],
  ['event_store.client.streams.streams', 'read', ['position', 'events']],
  ['event_store.client.streams.streams', 'tombstone', []],
  ['event_store.client.operations.operations', 'startscavenge', []],
  ['event_store.client.operations.operations', 'stopscavenge', []],
  ['event_store.client.gossip.gossip', 'read', []],
  ['event_store.client.server_features.serverfeatures', 'getsupportedmethods', []],
]

/** ServerFeatures.GetSupportedMethods: only what is there. */
export const getSupportedMethods = unary(() => {
  const list = methods.map(([service, method, features]) =>
    new featuresPb.SupportedMethod()
      .setServiceName(service)
      .setMethodName(method)
      .setFeaturesList([...features]),
  )
  return new featuresPb.SupportedMethods()
    .setMethodsList(list)
    .setEventStoreServerVersion(serverVersion)
})

/** Gossip.Read: a cluster of one, which leads. */
export const readGossip = (node: {
  readonly instance: string
  readonly host: string
  readonly port: () => number
  readonly now: () => number
}) =>
  unary(() => {
    const member = new gossip.MemberInfo()
      .setInstanceId(uuidMessage(node.instance, 'structured'))
      .setTimeStamp(`${node.now()}0000`)
      .setState(gossip.MemberInfo.VNodeState.LEADER)
      .setIsAlive(true)
      .setHttpEndPoint(new gossip.EndPoint().setAddress(node.host).setPort(node.port()))
    return new gossip.ClusterInfo().setMembersList([member])
  })

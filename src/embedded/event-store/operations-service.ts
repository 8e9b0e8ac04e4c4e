import { randomUUID } from 'node:crypto'
import type {
  ScavengeResp,
  StopScavengeReq,
} from '@eventstore/db-client/generated/operations_pb.js'
import operations from '@eventstore/db-client/generated/operations_pb.js'
import { status } from '@grpc/grpc-js'
import { Fault } from './faults.ts'
import type { Scavenger } from './scavenger.ts'
import { ownEvent } from './stored.ts'
import { unary } from './unary.ts'
import type { Writer } from './writer.ts'

type Running = { readonly id: string; stopped: boolean }

const { ScavengeResult } = operations.ScavengeResp

const answer = (id: string, result: ScavengeResp.ScavengeResult): ScavengeResp =>
  new operations.ScavengeResp().setScavengeId(id).setScavengeResult(result)

// Without a trailer of its id, as recorded.
const unknownScavenge = new Fault(status.NOT_FOUND, 'No such scavenge is under way.', {
  exception: 'scavenge-not-found',
})

/** Operations.StartScavenge and StopScavenge. What became of a scavenge is told in the stream `$scavenges-<id>`. */
export const scavenging = (scavenger: Scavenger, writer: Writer) => {
  let running: Running | undefined
  const tell = async (id: string, type: string, data: object) => {
    const event = ownEvent(randomUUID(), type, JSON.stringify({ scavengeId: id, ...data }))
    await writer.append(`$scavenges-${id}`, [event], 'any')
  }
  const perform = async (scavenge: Running) => {
    await tell(scavenge.id, '$scavengeStarted', {})
    const removed = await scavenger.pass(() => !scavenge.stopped)
    running = undefined
    const result = scavenge.stopped ? 'Stopped' : 'Success'
    await tell(scavenge.id, '$scavengeCompleted', { result, eventsRemoved: removed })
  }
  const start = (): ScavengeResp => {
    if (running) return answer(running.id, ScavengeResult.INPROGRESS)
    running = { id: randomUUID(), stopped: false }
    void perform(running)
    return answer(running.id, ScavengeResult.STARTED)
  }
  const stop = (id: string): ScavengeResp => {
    if (running?.id !== id) throw unknownScavenge
    running.stopped = true
    return answer(id, ScavengeResult.STOPPED)
  }
  return {
    startScavenge: unary(start),
    stopScavenge: unary((request: StopScavengeReq) =>
      stop(request.getOptions()?.getScavengeId() ?? ''),
    ),
  }
}

import type { DeviceId, ProjectId } from '../../protocol/ids.ts'
import {
  mqttBurstMessages,
  mqttProjectBurstSeconds,
  rateBucketsMax,
} from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import { TokenBucket } from './token-bucket.ts'

export type Rates = {
  /** Messages a second and device; it has one session, so all of it is this node's. 0 for unlimited. */
  readonly device: number
  /** Messages a second and project, over all nodes. 0 for unlimited. */
  readonly project: number
  readonly liveNodes: () => number
}

/** What the devices of a project may send together on this node: its share of the limit, the limit divided by the live nodes. */
export class ProjectRates {
  readonly #rates: Rates
  readonly #buckets = createLru<ProjectId, TokenBucket>(rateBucketsMax)

  constructor(rates: Rates) {
    this.#rates = rates
  }

  bucketOf(project: ProjectId, nowMs: number): TokenBucket {
    const known = this.#buckets.get(project)
    if (known) return known
    const { project: rate, liveNodes } = this.#rates
    const made = new TokenBucket(() => rate / Math.max(1, liveNodes()), {
      burst: (perSecond) => Math.max(1, perSecond * mqttProjectBurstSeconds),
      nowMs,
    })
    this.#buckets.set(project, made)
    return made
  }
}

/** What a device may send, in one session after the other: coming back is no way to a new burst. */
export class DeviceRates {
  readonly #perSecond: number
  readonly #buckets = createLru<DeviceId, TokenBucket>(rateBucketsMax)

  constructor({ device }: Pick<Rates, 'device'>) {
    this.#perSecond = device
  }

  bucketOf(device: DeviceId, nowMs: number): TokenBucket {
    const known = this.#buckets.get(device)
    if (known) return known
    const made = new TokenBucket(() => this.#perSecond, { burst: () => mqttBurstMessages, nowMs })
    this.#buckets.set(device, made)
    return made
  }
}

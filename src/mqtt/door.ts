import {
  mqttConnectionsMax,
  mqttConnectionsPerAddressMax,
  mqttSilentConnectionsMax,
  mqttSilentConnectionsPerAddressMax,
} from '../../protocol/limits.ts'
import { networkOf } from '../auth/address-gate.ts'

type Count = { open: number; silent: number }

/** The place of one connection, from its first byte to its end. */
export type Pass = {
  /** Its address is known; whether there is room for one more from there. Once. */
  readonly from: (remote: string) => boolean
  /** Its CONNECT is complete. */
  readonly spoke: () => void
  /** It is over; more than once is as good as once. */
  readonly leave: () => void
}

/**
 * How many connections there are, in all and from each address; silent ones, whose CONNECT is not complete, have limits of their own,
 * so that whoever only opens sockets does not take the place of those who speak. A carrier's gateway stands for thousands of devices.
 */
export class Door {
  readonly #all: Count = { open: 0, silent: 0 }
  readonly #networks = new Map<string, Count>()

  get open(): number {
    return this.#all.open
  }

  /** `undefined` where there is no room. */
  enter(): Pass | undefined {
    const all = this.#all
    if (all.open >= mqttConnectionsMax || all.silent >= mqttSilentConnectionsMax) return undefined
    all.open += 1
    all.silent += 1
    let network: string | undefined
    let isSilent = true
    let isOver = false
    const counts = (): Count[] => {
      const own = network === undefined ? undefined : this.#networks.get(network)
      return own ? [all, own] : [all]
    }
    const spoke = (): void => {
      if (!isSilent) return
      isSilent = false
      for (const count of counts()) count.silent -= 1
    }
    return {
      spoke,
      from: (remote) => {
        const name = networkOf(remote)
        const count = this.#networks.get(name) ?? { open: 0, silent: 0 }
        if (
          count.open >= mqttConnectionsPerAddressMax ||
          count.silent >= mqttSilentConnectionsPerAddressMax
        )
          return false
        network = name
        this.#networks.set(name, { open: count.open + 1, silent: count.silent + 1 })
        return true
      },
      leave: () => {
        if (isOver) return
        isOver = true
        spoke()
        for (const count of counts()) count.open -= 1
        if (network !== undefined && this.#networks.get(network)?.open === 0)
          this.#networks.delete(network)
      },
    }
  }
}

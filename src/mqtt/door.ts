import {
  mqttConnectionsMax,
  mqttConnectionsPerAddressMax,
  mqttSilentConnectionsMax,
  mqttSilentConnectionsPerAddressMax,
} from '../../protocol/limits.ts'
import { networkOf } from '../auth/address-gate.ts'

type Count = { open: number; silent: number }
type Network = Count & { readonly name: string }

/** The place of one connection, from its first byte to its end; the door's alone to change. */
export type Pass = {
  isSilent: boolean
  isOver: boolean
  /** Where it is counted, since it was asked for its address. */
  network: Network | undefined
}

/**
 * How many connections there are, in all and from each address; silent ones, whose CONNECT is not complete, have limits of their own,
 * so that whoever only opens sockets does not take the place of those who speak. A carrier's gateway stands for thousands of devices.
 *
 * Asking a socket for its address costs as much as judging what it says: while there are so few in all that none can be too many of one
 * address, nobody is asked before its CONNECT is complete.
 */
export class Door {
  readonly #all: Count = { open: 0, silent: 0 }
  readonly #networks = new Map<string, Network>()
  /** Silent ones that were not asked yet, and how to ask each. */
  readonly #unasked = new Map<Pass, () => string>()

  get open(): number {
    return this.#all.open
  }

  /** `undefined` where there is no room. */
  enter(): Pass | undefined {
    const all = this.#all
    if (all.open >= mqttConnectionsMax || all.silent >= mqttSilentConnectionsMax) return undefined
    all.open += 1
    all.silent += 1
    return { isSilent: true, isOver: false, network: undefined }
  }

  /** Its address can be asked for; whether there is room for one more from there. Once. */
  from(pass: Pass, remoteOf: () => string): boolean {
    const { open, silent } = this.#all
    // Both count the pass itself.
    if (open <= mqttConnectionsPerAddressMax && silent <= mqttSilentConnectionsPerAddressMax) {
      this.#unasked.set(pass, remoteOf)
      return true
    }
    for (const [stranger, ask] of this.#unasked) this.#count(stranger, ask())
    this.#unasked.clear()
    const remote = remoteOf()
    const network = this.#networks.get(networkOf(remote))
    if (network && network.open >= mqttConnectionsPerAddressMax) return false
    if (network && network.silent >= mqttSilentConnectionsPerAddressMax) return false
    this.#count(pass, remote)
    return true
  }

  /** Its CONNECT is complete. */
  spoke(pass: Pass): void {
    if (!pass.isSilent || pass.isOver) return
    const ask = this.#unasked.get(pass)
    if (ask) this.#count(pass, ask())
    this.#unasked.delete(pass)
    pass.isSilent = false
    this.#all.silent -= 1
    if (pass.network) pass.network.silent -= 1
  }

  /** It is over; more than once is as good as once. */
  leave(pass: Pass): void {
    if (pass.isOver) return
    pass.isOver = true
    this.#unasked.delete(pass)
    const { isSilent, network } = pass
    for (const count of network ? [this.#all, network] : [this.#all]) {
      count.open -= 1
      if (isSilent) count.silent -= 1
    }
    if (network?.open === 0) this.#networks.delete(network.name)
  }

  #count(pass: Pass, remote: string): void {
    const name = networkOf(remote)
    const network = this.#networks.get(name) ?? { name, open: 0, silent: 0 }
    this.#networks.set(name, network)
    pass.network = network
    network.open += 1
    network.silent += 1
  }
}

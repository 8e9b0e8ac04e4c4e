import type { TokenId } from '../../protocol/ids.ts'
import { mqttRestMs, rateBucketsMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'

/** Whose connection was cut because it went on over its rate: for so long it is not let in again, whoever has the token. */
export class Rests {
  readonly #monotonic: () => number
  readonly #until = createLru<TokenId, number>(rateBucketsMax)

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  begin(token: TokenId): void {
    this.#until.set(token, this.#monotonic() + mqttRestMs)
  }

  /** Milliseconds that are left of it; 0 for whoever does not rest. */
  leftMs(token: TokenId): number {
    if (this.#until.size() === 0) return 0
    const leftMs = (this.#until.get(token) ?? 0) - this.#monotonic()
    if (leftMs > 0) return leftMs
    this.#until.delete(token)
    return 0
  }
}

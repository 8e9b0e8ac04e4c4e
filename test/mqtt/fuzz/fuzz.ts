import { connect } from 'node:net'
import { residentMib } from '../../attack/process-cost.ts'
import { hostileBytes, seeded } from './frames.ts'

export type FuzzOptions = {
  readonly port: number
  readonly pid: number
  readonly tokens: readonly string[]
  readonly connections: number
  readonly seed: number
}

export type FuzzResult = {
  readonly connections: number
  /** Connections to which the broker said something. */
  readonly answered: number
  readonly growthMib: number
}

const atOnce = 40
// For an answer; then for what comes of the packets behind.
const answerMs = 500
const lingerMs = 20

const say = (port: number, bytes: Buffer, cut: number): Promise<boolean> =>
  new Promise((resolve) => {
    let answered = false
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => {})
    socket.on('data', () => {
      if (!answered) setTimeout(() => socket.destroy(), lingerMs)
      answered = true
    })
    socket.on('close', () => resolve(answered))
    socket.on('connect', () => {
      socket.write(bytes.subarray(0, cut))
      setImmediate(() => socket.write(bytes.subarray(cut)))
      socket.setTimeout(answerMs, () => socket.destroy())
    })
  })

/** Each connection's bytes are decided by the seed and its number alone, so that any can be said again. */
export const fuzz = async ({
  port,
  pid,
  tokens,
  connections,
  seed,
}: FuzzOptions): Promise<FuzzResult> => {
  const before = residentMib(pid)
  let next = 0
  let answered = 0
  const worker = async () => {
    while (next < connections) {
      const n = next++
      const random = seeded(seed + n)
      const bytes = hostileBytes(random, tokens[n % tokens.length] ?? '')
      if (await say(port, bytes, Math.floor(random() * bytes.length))) answered += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { connections, answered, growthMib: residentMib(pid) - before }
}

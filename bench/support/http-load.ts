import { connect } from 'node:net'
import { quantile } from './statistics.ts'

/** `node http-load.ts '<order>'`: keep-alive GETs over raw sockets, one in flight each; prints what it measured as JSON. */
export type HttpOrder = {
  readonly port: number
  readonly paths: readonly string[]
  readonly authorization: string
  readonly connections: number
  readonly warmupSeconds: number
  readonly seconds: number
}

export type HttpMeasured = {
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
}

const order: HttpOrder = JSON.parse(process.argv[2] ?? '{}')
const requests = order.paths.map((path) =>
  Buffer.from(
    `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${order.authorization}\r\n\r\n`,
  ),
)
const latencies: number[] = []
const counted = { done: 0, failed: 0 }
let measuring = false
let stopping = false

/** The bytes of the first whole response, or 0. */
const responseLength = (bytes: Buffer): number => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return 0
  const length = /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1]
  const whole = end + 4 + Number(length ?? 0)
  return bytes.length >= whole ? whole : 0
}

const run = (index: number): void => {
  const socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
  let rest: Buffer = Buffer.alloc(0)
  let next = index
  let sent = 0
  const send = () => {
    sent = performance.now()
    socket.write(requests[next++ % requests.length] ?? '')
  }
  socket.on('connect', send)
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const length = responseLength(rest)
    if (length === 0) return
    if (measuring) {
      counted.done += 1
      if (!rest.subarray(9, 12).equals(Buffer.from('200'))) counted.failed += 1
      latencies.push(performance.now() - sent)
    }
    rest = rest.subarray(length)
    if (stopping) socket.destroy()
    else send()
  })
}

const seconds = (s: number) => new Promise((resolve) => setTimeout(resolve, s * 1_000))
for (let i = 0; i < order.connections; i += 1) run(i)
await seconds(order.warmupSeconds)
measuring = true
await seconds(order.seconds)
measuring = false
stopping = true
const measured: HttpMeasured = {
  rate: counted.done / order.seconds,
  p50Ms: quantile(latencies, 0.5),
  p99Ms: quantile(latencies, 0.99),
  failed: counted.failed,
}
console.log(JSON.stringify(measured))
setTimeout(() => process.exit(), 200).unref()

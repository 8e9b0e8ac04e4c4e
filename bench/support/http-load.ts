import { connect } from 'node:net'
import { responseLength, statusOf } from './http-socket.ts'
import { quantile } from './statistics.ts'

/** `node http-load.ts '<order>'`: keep-alive GETs over raw sockets, one in flight each; prints what it measured as JSON. */
export type HttpOrder = {
  readonly port: number
  readonly paths: readonly string[]
  /** With bodies: each is a POST that is sent once; it ends when all are sent. */
  readonly bodies?: readonly object[]
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
  /** Those of the warm-up too. */
  readonly answered: number
}

const order: HttpOrder = JSON.parse(process.argv[2] ?? '{}')
const head = `host: 127.0.0.1\r\nauthorization: Bearer ${order.authorization}\r\n`
const get = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\n${head}\r\n`)
const post = (body: object, i: number): Buffer => {
  const text = JSON.stringify(body)
  const about = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`
  return Buffer.from(
    `POST ${order.paths[i % order.paths.length]} HTTP/1.1\r\n${head}${about}\r\n${text}`,
  )
}
const requests = order.bodies ? order.bodies.map(post) : order.paths.map(get)
const all = Promise.withResolvers<void>()
let taken = 0
const latencies: number[] = []
const counted = { answered: 0, done: 0, failed: 0 }
let measuring = false
let stopping = false

/** In turn for reads; each once for writes. */
const nextOf = (index: number): Buffer | undefined => {
  if (!order.bodies) return requests[index % requests.length]
  const next = requests[taken]
  taken += 1
  return next
}

const run = (index: number): void => {
  const socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
  let rest: Buffer = Buffer.alloc(0)
  let next = index
  let sent = 0
  const send = () => {
    sent = performance.now()
    const request = nextOf(next++)
    if (request) socket.write(request)
    else if (order.bodies) all.resolve()
  }
  socket.on('connect', send)
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const length = responseLength(rest)
    if (length === 0) return
    counted.answered += 1
    if (measuring) {
      counted.done += 1
      if (Math.floor(statusOf(rest) / 100) !== 2) counted.failed += 1
      latencies.push(performance.now() - sent)
    }
    rest = rest.subarray(length)
    if (stopping) socket.destroy()
    else send()
  })
}

const seconds = (s: number) => new Promise((resolve) => setTimeout(resolve, s * 1_000))
for (let i = 0; i < order.connections; i += 1) run(i)
const startedMs = performance.now()
if (order.bodies) {
  measuring = true
  await all.promise
} else {
  await seconds(order.warmupSeconds)
  measuring = true
  await seconds(order.seconds)
}
measuring = false
stopping = true
const tookSeconds = order.bodies ? (performance.now() - startedMs) / 1_000 : order.seconds
const measured: HttpMeasured = {
  rate: counted.done / tookSeconds,
  p50Ms: quantile(latencies, 0.5),
  p99Ms: quantile(latencies, 0.99),
  failed: counted.failed,
  answered: counted.answered,
}
console.log(JSON.stringify(measured))
setTimeout(() => process.exit(), 200).unref()

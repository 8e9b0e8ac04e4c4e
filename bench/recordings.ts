import { objectsOf } from '../test/support/node-objects.ts'
import { startLapel } from './support/lapel.ts'
import { endDriver } from './support/recording-driver.ts'
import {
  bareRound,
  endToEndRound,
  grantsAtMost,
  grantsAtRate,
  type Round,
} from './support/recording-rounds.ts'
import { stitchLarge } from './support/recording-stitch.ts'
import { median, table } from './support/statistics.ts'

// `npm run bench -- recordings`: 256 KiB chunks from the announcement to the watermark, announced one at a time and, as after a while without
// a line, some at a time, beside the bare object store of the same node, in turns, when all of it has run for a while; grants; recordings of some sizes put together beside `cat` with a hash, and the memory that takes.

const rounds = 4
const roundMs = 3_000
const warmUpMs = 8_000
const atOnce = 16
const some = 16
const sizes = [
  { codec: 'opus', chunks: 8 },
  { codec: 'opus', chunks: 134 },
  { codec: 'pcm_s16le', chunks: 134 },
] as const

const summed = (all: readonly Round[], name: string, base: number) => {
  const of = (pick: (round: Round) => number) => median(all.map(pick))
  const perSecond = of((round) => round.perSecond)
  return [
    name,
    perSecond,
    perSecond / base,
    of(({ p50Ms }) => p50Ms),
    of(({ p99Ms }) => p99Ms),
    of(({ nodeCpuMs }) => nodeCpuMs),
    of(({ allCpuMs }) => allCpuMs),
  ]
}

const lapel = await startLapel()
const objects = await objectsOf({ data: lapel.data, node: { s3_endpoint: lapel.s3Endpoint } })
try {
  const newDevices = () => lapel.bindDevices(atOnce)
  await endToEndRound(lapel, await newDevices(), { ms: warmUpMs })
  const [bare, whole, backlog]: [Round[], Round[], Round[]] = [[], [], []]
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await bareRound(lapel, objects, { atOnce, ms: roundMs }))
    whole.push(await endToEndRound(lapel, await newDevices(), { ms: roundMs }))
    backlog.push(await endToEndRound(lapel, await newDevices(), { ms: roundMs, atATime: some }))
  }
  const base = median(bare.map(({ perSecond }) => perSecond))
  const head = [
    `256 KiB, ${atOnce} at once`,
    '/s',
    'ratio',
    'p50 ms',
    'p99 ms',
    'node CPU ms',
    'all CPU ms',
  ]
  const rows = [
    summed(bare, 'PUT, bare object store', base),
    summed(whole, 'announced, granted, put, below the watermark', base),
    summed(backlog, `the same, ${some} announced at a time`, base),
  ]
  console.log(table([head, ...rows]))
  const most = await grantsAtMost(lapel, await newDevices(), roundMs)
  const atRate = await grantsAtRate(lapel, await newDevices(), { rate: 100, ms: 3 * roundMs })
  console.log(
    `\n${table([
      ['grants', '/s', 'p50 ms', 'p99 ms'],
      ['64 a message, closed loop', most, '', ''],
      ['one a message, 100/s', atRate.perSecond, atRate.p50Ms, atRate.p99Ms],
    ])}`,
  )
  const [last = { id: '', token: '' }] = await lapel.bindDevices(1)
  const stitched: (string | number)[][] = []
  for (const size of sizes) {
    const done = await stitchLarge(lapel, objects, last, size)
    const mb = done.bytes / 1e6
    const name = `${size.codec}, ${Math.round(mb).toLocaleString('en')} MB`
    const rates = [mb / done.seconds, mb / done.catSeconds, done.catSeconds / done.seconds]
    stitched.push([name, ...rates, done.restMib, done.peakMib])
  }
  const columns = ['put together', 'MB/s', 'cat + hash', 'ratio', 'MiB at rest', 'MiB peak']
  console.log(`\n${table([columns, ...stitched])}`)
} finally {
  endDriver()
  objects.close()
  await lapel.stop()
}

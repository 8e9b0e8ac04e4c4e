import { eventStorePid } from '../support/event-store-pid.ts'
import { serveLapel } from '../support/served-lapel.ts'
import { brokerRows, costRows } from './broker-rows.ts'
import { edgeRows } from './edge-rows.ts'
import { httpRows } from './http-rows.ts'
import { lapelRows } from './lapel-rows.ts'
import type { LapelTarget, Row } from './row.ts'
import { sessionRows } from './session-rows.ts'
import { tenantRows } from './tenant-rows.ts'

// `npm run attack`: the attacks on the broker and the HTTP front, each measured beside its bound; 1 where one is past it.

const lapel = await serveLapel({
  LAPEL_RATE_KEY: '0',
  LAPEL_RATE_DEVICE: '0',
  LAPEL_LOG: 'info',
})
const target: LapelTarget = {
  port: lapel.mqttPort,
  pid: lapel.node.pid,
  device: lapel.boundDevice,
  stall: async () => {
    const pid = eventStorePid(lapel.data)
    process.kill(pid, 'SIGSTOP')
    return () => void process.kill(pid, 'SIGCONT')
  },
  lapel,
}
const rows: readonly Row<LapelTarget>[] = [
  ...brokerRows,
  ...sessionRows,
  ...edgeRows,
  ...costRows,
  ...lapelRows,
  ...httpRows,
  ...tenantRows,
]
let past = 0
console.log('| attack | measured | bound | |\n| --- | --- | --- | --- |')
for (const { attack, bound, measure } of rows) {
  const { value, held } = await measure(target).catch((error: unknown) => ({
    value: `failed: ${error}`,
    held: false,
  }))
  if (!held) past += 1
  console.log(`| ${attack} | ${value} | ${bound} | ${held ? 'held' : 'PAST ITS BOUND'} |`)
}
const ready = await fetch(`${lapel.http}/health/ready`).then(({ status }) => status)
console.log(`\n${rows.length} attacks, ${past} past their bound; the node answers ${ready}`)
await lapel.stop()
await lapel.remove()
process.exitCode = past > 0 || ready !== 200 ? 1 : 0

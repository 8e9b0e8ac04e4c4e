import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** The event store of a node that runs one, found by the node's data folder. */
export const eventStorePid = (data: string): number => {
  const mark = join(data, 'eventstore')
  const lines = execFileSync('ps', ['-axo', 'pid=,command=']).toString().split('\n')
  const line = lines.find((one) => one.includes(mark) && one.includes('main.ts'))
  return Number(line?.trim().split(/\s+/)[0])
}

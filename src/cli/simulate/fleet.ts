import { randomBytes } from 'node:crypto'
import { call, type Target } from '../api.ts'

export type BoundDevice = { readonly id: string; readonly token: string }

const atOnce = 16

const inParallel = async <Result>(
  count: number,
  work: (i: number) => Promise<Result>,
): Promise<readonly Result[]> => {
  const results: Result[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < count; i = next++) results[i] = await work(i)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker))
  return results
}

/** Registers and binds fresh devices, all to one new end user. */
export const makeFleet = async (
  target: Target,
  count: number,
  onProgress: (made: number) => void,
): Promise<readonly BoundDevice[]> => {
  const run = randomBytes(4).toString('hex')
  const person = await call(target, {
    method: 'POST',
    path: '/v1/end-users',
    body: { name: `Simulation ${run}` },
  })
  let made = 0
  return inParallel(count, async (i) => {
    const body = { serial_number: `sim-${run}-${i}`, model: 'bota_pin' }
    const device = await call(target, { method: 'POST', path: '/v1/devices', body })
    const binding = { end_user_id: person['id'] }
    const bound = await call(target, {
      method: 'POST',
      path: `/v1/devices/${device['id']}/bind`,
      body: binding,
    })
    onProgress(++made)
    return { id: String(device['id']), token: String(bound['device_token']) }
  })
}

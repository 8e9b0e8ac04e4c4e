import type { LapelUnderTest } from './lapel.ts'

type Write = {
  readonly path: string
  readonly body: object
  readonly status: number
  /** Told of the answer when it is what was wanted. */
  readonly done: (id: string) => void
}

/**
 * A third each: registrations, devices set free, and devices bound that are free, those that were free longest first. What is asked for a
 * device is asked after the answer to what was asked before; while there is none to be bound, one more is registered.
 */
const createWrites = (bound: readonly string[], person: string) => {
  const taken = [...bound]
  const free: string[] = []
  const run = Date.now().toString(36)
  let registered = 0

  const register = (): Write => {
    registered += 1
    return {
      path: '/v1/devices',
      body: { serial_number: `${run}-paced-${registered}`, model: 'bota_pin' },
      status: 201,
      done: (id) => free.push(id),
    }
  }
  const unbind = (id: string): Write => ({
    path: `/v1/devices/${id}/unbind`,
    body: {},
    status: 200,
    done: () => free.push(id),
  })
  const bind = (id: string): Write => ({
    path: `/v1/devices/${id}/bind`,
    body: { end_user_id: person },
    status: 200,
    done: () => taken.push(id),
  })
  return (i: number): Write => {
    const next = i % 3 === 1 ? taken.shift() : i % 3 === 2 ? free.shift() : undefined
    if (next === undefined) return register()
    return i % 3 === 1 ? unbind(next) : bind(next)
  }
}

type Pace = { readonly perSecond: number; readonly seconds: number; readonly rounds: number }

/**
 * Writes at a steady rate, whatever became of those before; what each of a round took from when it was due, with the wait for the own read
 * model. One that failed took for ever.
 */
export const pacedWrites = async (
  { call }: Pick<LapelUnderTest, 'call'>,
  { perSecond, seconds, rounds }: Pace,
  { bound, person }: { readonly bound: readonly string[]; readonly person: string },
): Promise<number[][]> => {
  const next = createWrites(bound, person)
  const write = async ({ path, body, status, done }: Write, dueMs: number): Promise<number> => {
    // A node that has more to do than it can may refuse the connection.
    const answer = await call('POST', path, body).catch(() => undefined)
    if (answer?.status !== status) return Number.POSITIVE_INFINITY
    const tookMs = performance.now() - dueMs
    done(String(answer.body['id']))
    return tookMs
  }
  const round = async (): Promise<number[]> => {
    const pending: Promise<number>[] = []
    const started = performance.now()
    for (let i = 0; i < perSecond * seconds; i += 1) {
      const dueMs = started + (i * 1_000) / perSecond
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      pending.push(write(next(i), dueMs))
    }
    return Promise.all(pending)
  }
  const took: number[][] = []
  for (let i = 0; i < rounds; i += 1) took.push(await round())
  return took
}

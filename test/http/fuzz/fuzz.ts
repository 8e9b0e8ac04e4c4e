import fc from 'fast-check'
import { checkDescribed } from '../../support/described.ts'
import type { Ids } from '../requests-of.ts'
import { customerOf, type Served } from '../served.ts'
import { type Credential, type FuzzedRequest, requests, type Stock } from './requests.ts'

const answerMsMax = 30_000

type Ground = {
  readonly stock: Stock
  readonly bearers: Readonly<Record<Credential, string>>
  readonly project: string
}

const prepareGround = async (served: Served): Promise<Ground> => {
  const project = (await served.newProject()).test
  const customer = await customerOf(served, project)
  const headers = { 'lapel-project': project }
  const positions: string[] = []
  const things = async (): Promise<Ids & { token: string }> => {
    const { id, person, token } = await customer.bound()
    const key = await served.call(served.admin, 'POST /internal/api-keys', { body: {}, headers })
    positions.push(key.headers.get('position') ?? '0')
    const begun = await served.call(token, 'POST /v1/recordings', { body: { streaming: true } })
    const rec_ = String(begun.body['id'])
    return { dev_: id, eu_: person, key_: String(key.body['id']), rec_, token }
  }
  const ids = [await things(), await things(), await things()]
  ids.push({ ...(await things()), dev_: await customer.register() })
  const restricted = await served.keyFor(project, { scopes: ['end_users:read'] })
  return {
    stock: { ids, positions },
    project,
    bearers: {
      key: customer.key,
      restricted,
      token: ids[0]?.token ?? '',
      admin: served.admin,
      garbage: `sk_test_${'0'.repeat(50)}`,
      none: '',
    },
  }
}

const send = async (url: string, ground: Ground, asked: FuzzedRequest): Promise<number> => {
  const { method, path, credential, headers, body } = asked
  const response = await fetch(url + path, {
    method,
    headers: {
      ...headers,
      ...(credential !== 'none' && { authorization: `Bearer ${ground.bearers[credential]}` }),
      ...(credential === 'admin' && { 'lapel-project': ground.project }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: body as string }),
    signal: AbortSignal.timeout(answerMsMax),
  })
  const text = await response.text()
  // As it went over the wire: dots in a path are resolved before it is sent.
  const seen = new URL(url + path)
  checkDescribed({
    method,
    path: seen.pathname + seen.search,
    status: response.status,
    headers: response.headers,
    text,
  })
  const isList = seen.pathname === '/v1/devices' || seen.pathname === '/v1/end-users'
  if (isList && method === 'GET' && response.status === 200)
    checkFiltered(seen.pathname + seen.search, text)
  const isBehind = text.includes('"projection_behind"')
  if (response.status >= 500 && !isBehind && !seen.pathname.startsWith('/health/'))
    throw new Error(`${response.status}: ${text}`)
  return response.status
}

/** Whatever a filter of metadata is called, no row is listed that has no such member. */
const checkFiltered = (path: string, text: string): void => {
  const names = [...new URL(path, 'http://lapel').searchParams.keys()]
  const sought = names.flatMap((name) => /^metadata\[(.*)\]$/s.exec(name)?.[1] ?? [])
  const { data } = JSON.parse(text) as { data: { metadata: object }[] }
  for (const { metadata } of data)
    for (const name of sought)
      if (!Object.hasOwn(metadata, name)) throw new Error(`listed in spite of ${name}: ${text}`)
}

export type Fuzzed = {
  readonly requests: number
  readonly statuses: ReadonlyMap<number, number>
  readonly routes: number
}

/** So many requests made of the OpenAPI: each is answered in time, as described, and with no 5xx. Throws the smallest one that is not. */
export const fuzz = async (
  served: Served,
  { requests: numRuns, seed }: { readonly requests: number; readonly seed: number },
): Promise<Fuzzed> => {
  const ground = await prepareGround(served)
  const statuses = new Map<number, number>()
  const routes = new Set<string>()
  await fc.assert(
    fc.asyncProperty(requests(ground.stock), async (asked) => {
      const status = await send(served.url, ground, asked)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      routes.add(asked.of)
    }),
    { numRuns, seed, endOnFailure: false, includeErrorInReport: true },
  )
  return { requests: numRuns, statuses, routes: routes.size }
}

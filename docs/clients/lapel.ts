// A client of the management API in TypeScript, on fetch alone. Copy it; `node docs/clients/lapel.ts` runs the tour at its end with
// LAPEL_URL and LAPEL_API_KEY.
import { randomUUID } from 'node:crypto'

type Json = Record<string, unknown>
type Refusal = { code: string; message: string; request_id: string }
type Page = { data: Json[]; has_more: boolean; next_cursor: string | null }

/** Every refusal: its code stands in the list of the API's description. */
export class LapelError extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string

  constructor(status: number, error: Refusal) {
    super(`${error.message} (${error.code}, ${error.request_id})`)
    this.status = status
    this.code = error.code
    this.requestId = error.request_id
  }
}

const attempts = 5
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** How long to wait before it is sent again; `undefined`: it is not. */
const againAfterMs = (response: Response | Error, attempt: number): number | undefined => {
  if (attempt >= attempts) return undefined
  if (response instanceof Error) return 100 * 2 ** attempt
  const seconds = response.ok ? null : response.headers.get('retry-after')
  return seconds === null ? undefined : Number(seconds) * 1_000
}

export class Lapel {
  readonly #url: string
  readonly #key: string
  /** Of the newest write: a read that sends it sees that write, on whatever node. */
  #position: string | undefined

  constructor(url: string, key: string) {
    this.#url = url
    this.#key = key
  }

  #headers(method: string, body: Json | undefined): Record<string, string> {
    return {
      authorization: `Bearer ${this.#key}`,
      ...(body && { 'content-type': 'application/json' }),
      ...(method === 'POST' && { 'idempotency-key': randomUUID() }),
      ...(method === 'GET' && this.#position && { 'min-position': this.#position }),
    }
  }

  /** One call. A POST carries an Idempotency-Key, so that it is safe to send again when the answer was lost or said 429 or 503. */
  async call(method: string, path: string, body?: Json): Promise<Json> {
    const request = {
      method,
      headers: this.#headers(method, body),
      ...(body && { body: JSON.stringify(body) }),
    }
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(this.#url + path, request).catch((lost: Error) => lost)
      const waitMs = againAfterMs(response, attempt)
      if (waitMs === undefined) return this.#answer(method, response)
      await pause(waitMs)
    }
  }

  async #answer(method: string, response: Response | Error): Promise<Json> {
    if (response instanceof Error) throw response
    const answer = (await response.json()) as Json
    if (!response.ok) throw new LapelError(response.status, answer['error'] as Refusal)
    if (method !== 'GET') this.#position = response.headers.get('position') ?? this.#position
    return answer
  }

  /** Every row of a list, page by page; rows that are added meanwhile are not in it. */
  async *list(path: string): AsyncGenerator<Json> {
    const joint = path.includes('?') ? '&' : '?'
    for (let cursor: string | null = ''; cursor !== null; ) {
      const at: string = cursor === '' ? '' : `&cursor=${cursor}`
      const page = (await this.call('GET', `${path}${joint}limit=100${at}`)) as Page
      yield* page.data
      cursor = page.next_cursor
    }
  }
}

const tour = async (url: string, key: string): Promise<void> => {
  const lapel = new Lapel(url, key)
  const person = await lapel.call('POST', '/v1/end-users', { name: 'Ada Lovelace' })
  const serial = `TS-${randomUUID().slice(0, 8)}`
  const device = await lapel.call('POST', '/v1/devices', {
    serial_number: serial,
    model: 'bota_pin',
  })
  const bound = await lapel.call('POST', `/v1/devices/${device['id']}/bind`, {
    end_user_id: person['id'],
  })
  // The token is shown this once: it belongs into the device, and nowhere else.
  const firmware = new Lapel(url, String(bound['device_token']))
  await firmware.call('POST', '/v1/devices/me/heartbeat', { battery_percent: 81 })
  const rows: unknown[] = []
  for await (const row of lapel.list(`/v1/devices?end_user_id=${person['id']}`))
    rows.push(row['id'])
  const { data } = (await lapel.call('GET', `/v1/devices/${device['id']}/history`)) as Page
  const refused = await lapel
    .call('POST', `/v1/devices/${device['id']}/bind`, { end_user_id: person['id'] })
    .catch((error: LapelError) => error.code)
  const unbound = await lapel.call('POST', `/v1/devices/${device['id']}/unbind`)
  process.stdout.write(
    `${JSON.stringify({ devices: rows.length, newest: data[0]?.['type'], refused, status: unbound['status'] })}\n`,
  )
}

if (process.argv[1]?.endsWith('lapel.ts'))
  await tour(
    process.env['LAPEL_URL'] ?? 'http://127.0.0.1:8080',
    process.env['LAPEL_API_KEY'] ?? '',
  )

import { cliRequestMsMax } from '../../protocol/limits.ts'
import { findNode } from '../config-data-dir.ts'

/** A command that was refused or failed: a sentence for the person at the terminal, exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

/** A command that makes no sense as it was given: exit code 2. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
}

export type ApiOptions = {
  readonly url: string | undefined
  readonly key: string | undefined
  /** `LAPEL_DATA`: where the local node is found. */
  readonly dataDir: string
}

export type Target = {
  /** Without a slash at its end. */
  readonly url: string
  readonly bearer: string
  /** Whether the bearer is the administrator's of a local node. */
  readonly admin: boolean
  /** `host:port` of the broker, where it is known. */
  readonly mqtt: string | undefined
}

/** The node that a command speaks to: one elsewhere by `--url` and `LAPEL_API_KEY`, else the one that runs here. */
export const findTarget = async ({ url, key, dataDir }: ApiOptions): Promise<Target> => {
  if (url !== undefined) {
    if (!key) throw new Misuse('--url needs the variable LAPEL_API_KEY')
    return { url: url.replace(/\/+$/, ''), bearer: key, admin: false, mqtt: undefined }
  }
  const found = await findNode(dataDir)
  if (found.kind === 'running') {
    const { http, mqtt, admin } = found.node
    return { url: http, bearer: admin, admin: true, mqtt: mqtt.replace(/^mqtt:\/\//, '') }
  }
  if (found.kind === 'unreadable') throw new CommandFailed(found.because)
  const stale =
    found.stalePid === undefined
      ? ''
      : ` (the one that ran there, process ${found.stalePid}, is gone)`
  throw new CommandFailed(
    `no node runs in ${dataDir}${stale}: start one with \`npm start\`, or name one elsewhere with --url and LAPEL_API_KEY`,
  )
}

export type Answer = {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly position: string | undefined
}

export type Call = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
  readonly project?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

const unreachable = (url: string, error: unknown): CommandFailed => {
  const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name
  return new CommandFailed(`${url} cannot be reached (${cause})`, { cause: error })
}

const bodyOf = async (response: Response): Promise<Answer['body']> => {
  const text = await response.text()
  return text === '' ? {} : JSON.parse(text)
}

/** One request, whatever its status. */
export const request = async (
  target: Target,
  { method, path, body, project, headers }: Call,
): Promise<Answer> => {
  const response = await fetch(target.url + path, {
    method,
    headers: {
      authorization: `Bearer ${target.bearer}`,
      ...(project !== undefined && { 'lapel-project': project }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(cliRequestMsMax),
  }).catch((error: unknown) => {
    throw unreachable(target.url, error)
  })
  const position = response.headers.get('position') ?? undefined
  return { status: response.status, body: await bodyOf(response), position }
}

const refusedBy = (status: number, body: Answer['body']): CommandFailed => {
  const { code, message, details } = (body['error'] ?? {}) as {
    code?: string
    message?: string
    details?: readonly { field: string; reason: string }[]
  }
  const fields = (details ?? []).map(({ field, reason }) => `\n  ${field}: ${reason}`).join('')
  return new CommandFailed(
    `${message ?? `the node answered ${status}`} (${code ?? status})${fields}`,
  )
}

/** The body of a request that must succeed; a refusal is told in the API's words. */
export const call = async (target: Target, what: Call): Promise<Answer['body']> => {
  const { status, body } = await request(target, what)
  if (status < 300) return body
  throw refusedBy(status, body)
}

/** What a request answers line by line, each as it comes, however long that takes. */
export async function* linesOf(
  target: Target,
  { method, path, body }: Call,
): AsyncGenerator<unknown> {
  const response = await fetch(target.url + path, {
    method,
    headers: {
      authorization: `Bearer ${target.bearer}`,
      accept: 'application/x-ndjson',
      'content-type': 'application/json',
    },
    body: JSON.stringify(body ?? {}),
  }).catch((error: unknown) => {
    throw unreachable(target.url, error)
  })
  if (!response.ok || !response.body) throw refusedBy(response.status, await bodyOf(response))
  let rest = ''
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line)
  }
}

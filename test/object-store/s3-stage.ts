import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import {
  amzDate,
  canonicalQuery,
  encodePath,
  scopeText,
  sha256Hex,
  signatureOf,
  signingKey,
  sigV4Algorithm,
} from '../../protocol/sigv4.ts'
import { startObjectStore } from '../../src/embedded/object-store/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Where the contract is held: at the embedded store, or at the one that S3_ENDPOINT names. */
export type S3Target = {
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  readonly end: () => Promise<void>
}

const given = process.env
export const isElsewhere = given['S3_ENDPOINT'] !== undefined
export const whose = isElsewhere ? 'S3_ENDPOINT' : 'embedded'

const testCredentials = { accessKeyId: 'LAPELTEST', secretAccessKey: 'a/secret+of=tests' }

export const startTarget = async (): Promise<S3Target> => {
  const region = given['S3_REGION'] ?? 'us-east-1'
  if (given['S3_ENDPOINT'] !== undefined) {
    const credentials = {
      accessKeyId: given['S3_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: given['S3_SECRET_ACCESS_KEY'] ?? '',
    }
    return { endpoint: given['S3_ENDPOINT'], region, credentials, end: async () => {} }
  }
  const folder = await temporaryFolder()
  const server = await startObjectStore({
    dataDir: folder.path,
    host: '127.0.0.1',
    port: 0,
    credentials: testCredentials,
    region,
    now: Date.now,
    monotonic: () => performance.now(),
    events: async () => undefined,
    onError: (error) => console.error(error),
  })
  const end = async () => {
    await server.close()
    await folder.remove()
  }
  return { endpoint: server.url, region, credentials: testCredentials, end }
}

export const clientOf = (
  { endpoint, region, credentials }: S3Target,
  settings: S3ClientConfig = {},
): S3Client =>
  new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1, ...settings })

export type Raw = {
  readonly method: string
  /** As it stands on the wire. */
  readonly path: string
  readonly query?: readonly (readonly [string, string])[]
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}
export type RawAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  /** S3's error code, where there is one. */
  readonly code: string | undefined
}

/** One request, byte for byte as it is given. */
export const sendRaw = (
  endpoint: string,
  { method, path, query = [], headers = {}, body }: Raw,
): Promise<RawAnswer> => {
  const { hostname, port } = new URL(endpoint)
  const search = query.length > 0 ? `?${canonicalQuery(query)}` : ''
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path: `${path}${search}`, headers })
    outgoing.on('error', reject)
    outgoing.on('response', async (response) => {
      const pieces: Buffer[] = []
      for await (const piece of response) pieces.push(piece)
      const all = Buffer.concat(pieces)
      const code = /<Code>(\w+)<\/Code>/.exec(all.toString())?.[1]
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: all, code })
    })
    outgoing.end(body)
  })
}

export type Signing = {
  readonly at?: number
  /** `x-amz-content-sha256`; the body's hash when left out. */
  readonly payload?: string
  /** Headers that are sent but not signed. */
  readonly loose?: Readonly<Record<string, string>>
  readonly credentials?: S3Target['credentials']
}

/** The request with a signature in its headers, which covers all of them. */
export const signed = (target: S3Target, raw: Raw, signing: Signing = {}) => {
  const { credentials = target.credentials, loose = {} } = signing
  const date = amzDate(signing.at ?? Date.now())
  const scope = { date: date.slice(0, 8), region: target.region }
  const payload = signing.payload ?? sha256Hex(raw.body ?? '')
  const headers: Record<string, string> = {
    ...raw.headers,
    host: new URL(target.endpoint).host,
    'x-amz-content-sha256': payload,
    'x-amz-date': date,
  }
  const key = signingKey(credentials.secretAccessKey, scope)
  const signature = signatureOf(key, scope, date, {
    method: raw.method,
    path: encodePath(decodeURIComponent(raw.path)),
    query: raw.query ?? [],
    headers: Object.entries(headers),
    payload,
  })
  const names = Object.keys(headers).sort().join(';')
  const authorization = `${sigV4Algorithm} Credential=${credentials.accessKeyId}/${scopeText(scope)}, SignedHeaders=${names}, Signature=${signature}`
  return {
    raw: { ...raw, headers: { ...headers, ...loose, authorization } } satisfies Raw,
    chain: { key, date, scope: scopeText(scope), signature },
  }
}

export type S3Stage = {
  target: S3Target
  client: S3Client
  bucket: string
  send: (raw: Raw, signing?: Signing) => Promise<RawAnswer>
}

export const openStage = async (stage: S3Stage): Promise<void> => {
  stage.target = await startTarget()
  stage.client = clientOf(stage.target)
  stage.bucket = `lapel-test-${randomBytes(6).toString('hex')}`
  stage.send = (raw, signing) =>
    sendRaw(stage.target.endpoint, signed(stage.target, raw, signing).raw)
  await stage.client.send(new CreateBucketCommand({ Bucket: stage.bucket }))
}

export const closeStage = async ({ client, bucket, target }: S3Stage): Promise<void> => {
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
    if (Contents.length === 0) break
    const Objects = Contents.map(({ Key }) => ({ Key }))
    await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }))
  }
  await client.send(new DeleteBucketCommand({ Bucket: bucket }))
  client.destroy()
  await target.end()
}

/** S3's code of what a call is refused with. */
export const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    if (error instanceof S3ServiceException) return error.name
    throw error
  }
}

export const gather = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}

export const bytesOf = (length: number, seed = 1): Buffer => {
  const bytes = Buffer.alloc(length)
  for (let at = 0, state = seed; at < length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = state >>> 16
  }
  return bytes
}

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { keptCredentials } from '../src/embedded/object-store/credentials.ts'
import { createPresigner } from '../src/store/presign.ts'
import { openS3 } from '../src/store/s3.ts'
import { type Program, startProgram } from './support/programs.ts'
import { median, quantile, table } from './support/statistics.ts'

// `npm run bench -- object-store [--seconds S]`: PUT and GET of 256 KiB by pre-signed URL, 8 at once, beside a bare server that writes
// files with fsync; the two take turns, so that a ratio holds whatever else the machine does. Then pre-signing beside the SDK's.

const bytes = 262_144
const inFlight = 8
const rounds = 5
const argument = process.argv.indexOf('--seconds')
const roundMs = (argument < 0 ? 2 : Number(process.argv[argument + 1])) * 1_000
const body = Buffer.alloc(bytes, 'opus')
const sha256 = createHash('sha256').update(body).digest('hex')

type Call = {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
}
type Subject = {
  readonly name: string
  readonly program: Program
  readonly put: (key: string) => Call
  readonly get: (key: string) => Call
}
type Round = { readonly perSecond: number; readonly cpuMs: number; readonly p50Ms: number }

const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const cpuOf = async ({ pid }: Program): Promise<number> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond
}

const send = ({ method, url, headers }: Call): Promise<number> =>
  new Promise((resolve, reject) => {
    const outgoing = request(url, { method, agent, headers }, (response) => {
      let received = 0
      response.on('data', (piece: Buffer) => {
        received += piece.length
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve(received)
        else reject(new Error(`${method} ${url}: ${response.statusCode}`))
      })
    })
    outgoing.on('error', reject)
    outgoing.end(method === 'PUT' ? body : undefined)
  })

const measure = async (subject: Subject, calls: (at: number) => Call): Promise<Round> => {
  const [started, cpu] = [performance.now(), await cpuOf(subject.program)]
  const tookMs: number[] = []
  const worker = async () => {
    while (performance.now() - started < roundMs) {
      const begun = performance.now()
      await send(calls(tookMs.length + Math.random()))
      tookMs.push(performance.now() - begun)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const count = tookMs.length
  return {
    perSecond: count / ((performance.now() - started) / 1_000),
    cpuMs: ((await cpuOf(subject.program)) - cpu) / count,
    p50Ms: quantile(tookMs, 0.5),
  }
}

const summed = (rounds: readonly Round[]): Round => ({
  perSecond: median(rounds.map(({ perSecond }) => perSecond)),
  cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
  p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
})

const compare = async (what: 'PUT' | 'GET', subjects: readonly Subject[]) => {
  const found = subjects.map((): Round[] => [])
  for (let round = 0; round < rounds; round += 1)
    for (const [at, subject] of subjects.entries()) {
      const key = (call: number) => `bench/rec_${round}/${call}/chunk`
      const calls =
        what === 'PUT' ? (call: number) => subject.put(key(call)) : () => subject.get('bench/one')
      found[at]?.push(await measure(subject, calls))
    }
  const medians = found.map(summed)
  const base = medians.at(-1)?.perSecond ?? Number.NaN
  return medians.map(({ perSecond, cpuMs, p50Ms }, at) => [
    `${what} 256 KiB`,
    subjects[at]?.name ?? '',
    perSecond,
    perSecond / base,
    p50Ms,
    cpuMs,
  ])
}

const openSubjects = async (folder: string): Promise<Subject[]> => {
  const data = join(folder, 'objects')
  const program = await startProgram('src/embedded/object-store/main.ts', '--data', data)
  const settings = {
    ...(await keptCredentials(data)),
    endpoint: program.ready,
    publicEndpoint: program.ready,
    bucket: 'bench',
    region: 'us-east-1',
    now: Date.now,
  }
  const objects = openS3(settings)
  await objects.ensureBucket()
  objects.close()
  const presigner = createPresigner(settings)
  const grant = { bytes, contentType: 'audio/ogg', sha256, expiresSeconds: 900 }
  const length = { 'content-length': String(bytes) }
  const plain = await startProgram('bench/peers/plain-files.ts', '--data', join(folder, 'plain'))
  return [
    {
      name: 'embedded',
      program,
      put: (key) => {
        const { url, headers } = presigner.put(key, grant, Date.now())
        return { method: 'PUT', url, headers: { ...headers, ...length } }
      },
      get: (key) => ({
        method: 'GET',
        url: presigner.get(key, { expiresSeconds: 900 }, Date.now()).url,
        headers: {},
      }),
    },
    {
      name: 'bare files',
      program: plain,
      put: (key) => ({ method: 'PUT', url: `${plain.ready}/${key}`, headers: length }),
      get: (key) => ({ method: 'GET', url: `${plain.ready}/${key}`, headers: {} }),
    },
  ]
}

const presigning = async () => {
  const keys = { accessKeyId: 'AKID', secretAccessKey: 'secret' }
  const place = { bucket: 'bench', region: 'us-east-1', publicEndpoint: 'http://127.0.0.1:9000' }
  const presigner = createPresigner({ ...place, ...keys })
  const client = new S3Client({
    endpoint: place.publicEndpoint,
    region: place.region,
    credentials: keys,
    forcePathStyle: true,
  })
  const command = new PutObjectCommand({ Bucket: 'bench', Key: 'k', ContentType: 'audio/ogg' })
  const grant = { bytes, contentType: 'audio/ogg', sha256, expiresSeconds: 900 }
  const cpuPerCall = async (count: number, work: () => unknown) => {
    const before = process.cpuUsage()
    for (let at = 0; at < count; at += 1) await work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / count
  }
  const ours = await cpuPerCall(20_000, () => presigner.put('a/rec/1/x', grant, Date.now()))
  const theirs = await cpuPerCall(1_000, () => getSignedUrl(client, command))
  return [
    ['pre-signing', 'us CPU each', 'per CPU second'],
    ['ours', ours, 1_000_000 / ours],
    ['@aws-sdk/s3-request-presigner', theirs, 1_000_000 / theirs],
  ]
}

const folder = await mkdtemp(join(tmpdir(), 'lapel-bench-'))
const subjects = await openSubjects(folder)
try {
  for (const subject of subjects) await send(subject.put('bench/one'))
  const head = ['8 at once', 'server', '/s', 'ratio', 'p50 ms', 'server CPU ms']
  const rows = [...(await compare('PUT', subjects)), ...(await compare('GET', subjects))]
  console.log(table([head, ...rows]))
  console.log(`\n${table(await presigning())}`)
} finally {
  agent.destroy()
  for (const { program } of subjects) await program.stop()
  await rm(folder, { recursive: true, force: true })
}

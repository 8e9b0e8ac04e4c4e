import { opusChunks } from '../support/opus.ts'
import { until } from '../support/until.ts'
import type { Answer, Served } from './served.ts'

type Of = { readonly key: string; readonly token: string }

const made = (answer: Answer): string => {
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  return String(answer.body['id'])
}

/** Recordings in the state that a route asks for, of one device. */
export const recordingsOf = ({ call, url }: Pick<Served, 'call' | 'url'>, { key, token }: Of) => {
  const begin = (body: object) => call(token, 'POST /v1/recordings', { body })

  const inChunks = async (count: number): Promise<string> => {
    const begun = await begin({ streaming: true })
    const template = String(begun.body['chunk_upload_url_template'])
    for (let index = 1; index <= count; index += 1) {
      const at = template.replace('https://lapel.example', url).replace('{index}', `${index}`)
      const body = Buffer.from(opusChunks[Math.min(index, 2) - 1] ?? [])
      const { status } = await fetch(at, { method: 'PUT', body })
      if (status !== 200) throw new Error(`a chunk was refused: ${status}`)
    }
    return made(begun)
  }

  const withFile = async (): Promise<string> => {
    const id = made(await begin({}))
    const { body } = await call(token, `POST /v1/recordings/${id}/upload-url`, {
      body: { content_type: 'audio/ogg', file_size_bytes: 1_048_576 },
    })
    const headers = body['headers'] as Record<string, string>
    const put = { method: 'PUT', headers, body: Buffer.alloc(1_048_576) }
    await fetch(String(body['upload_url']), put)
    return id
  }

  const stitched = async (): Promise<string> => {
    const id = await inChunks(2)
    const body = { total_chunks: 2, final_duration_ms: 1_000 }
    await call(token, `POST /v1/recordings/${id}/finalize`, { body })
    const isUploaded = async () =>
      (await call(key, `GET /v1/recordings/${id}`)).body['status'] === 'uploaded'
    await until(isUploaded, { what: 'the whole recording' })
    return id
  }

  return {
    /** One on which the route’s example can be carried out. */
    for: async (name: string): Promise<string> => {
      if (name.endsWith('/finalize')) return inChunks(4)
      if (name.endsWith('/upload-complete')) return withFile()
      if (name.endsWith('/assign')) return made(await begin({ started_at: '2020-01-01T00:00:00Z' }))
      if (/\/(download-url|certificate)$/.test(name)) return stitched()
      return made(await begin({}))
    },
  }
}

import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

// The least that a durable PUT and a GET can be in Node: no signature, no checksum, no description. `--data DIR`.
const folder = process.argv[process.argv.indexOf('--data') + 1] ?? ''
await mkdir(folder, { recursive: true })

const sync = async (path: string) => {
  const handle = await open(path, 'r')
  await handle.sync()
  await handle.close()
}

const put = async (pieces: AsyncIterable<Buffer>, path: string) => {
  const temporary = join(folder, randomBytes(8).toString('hex'))
  const handle = await open(temporary, 'wx')
  const gathered: Buffer[] = []
  for await (const piece of pieces) gathered.push(piece)
  await handle.write(Buffer.concat(gathered))
  await handle.datasync()
  await handle.close()
  await rename(temporary, path)
  await sync(folder)
}

const server = createServer(async (request, response) => {
  const path = join(folder, encodeURIComponent(request.url?.split('?', 1)[0] ?? ''))
  if (request.method === 'PUT') await put(request, path)
  response.end(request.method === 'PUT' ? undefined : await readFile(path))
})
server.listen(0, '127.0.0.1', () =>
  console.log(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}`),
)
process.on('SIGTERM', () => process.exit(0))

import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { temporaryFolder } from './temporary-folder.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where a browser is on this machine, or `undefined`. */
export const findChromium = async (): Promise<string | undefined> => {
  for (const place of places)
    if (
      await access(place).then(
        () => true,
        () => false,
      )
    )
      return place
  return undefined
}

const pageOf = (url: string): string => `<!doctype html><title>waiting</title><script>
const decode = async () => {
  const response = await fetch(${JSON.stringify(url)})
  const context = new OfflineAudioContext(1, 48000, 48000)
  const { duration, numberOfChannels } = await context.decodeAudioData(await response.arrayBuffer())
  return { duration, numberOfChannels, type: response.headers.get('content-type') }
}
const say = (value) => fetch('/', { method: 'POST', body: JSON.stringify(value) })
onload = () => decode().then(say, (error) => say({ error: String(error) }))
</script><body></body>`

export type Decoded = {
  readonly duration?: number
  readonly numberOfChannels?: number
  readonly type?: string
  readonly error?: string
}

/** Serves the page, and resolves what it says. */
const openPage = async (url: string) => {
  const said = Promise.withResolvers<Decoded>()
  const server = createServer((request, response) => {
    if (request.method !== 'POST') {
      response.setHeader('content-type', 'text/html').end(pageOf(url))
      return
    }
    let text = ''
    request.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    request.on('end', () => {
      response.end()
      said.resolve(JSON.parse(text))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { said: said.promise, address: `http://127.0.0.1:${port}/`, close: () => server.close() }
}

const patienceMs = 90_000

const within = async (said: Promise<Decoded>, ms: number): Promise<Decoded> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Decoded>((resolve) => {
    timer = setTimeout(() => resolve({ error: `said nothing within ${ms} ms` }), ms)
  })
  const first = await Promise.race([said, late])
  clearTimeout(timer)
  return first
}

/** What a browser makes of the audio at a URL: fetched by a page of another origin and decoded. */
export const decodeInChromium = async (chromium: string, url: string): Promise<Decoded> => {
  const folder = await temporaryFolder()
  const page = await openPage(url)
  const args = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    `--user-data-dir=${folder.path}`,
    '--remote-debugging-port=0',
    page.address,
  ]
  const browser = spawn(chromium, args, { stdio: 'ignore' })
  const gone = new Promise<void>((resolve) => browser.once('exit', () => resolve()))
  try {
    return await within(page.said, patienceMs)
  } finally {
    browser.kill('SIGKILL')
    await gone
    page.close()
    await folder.remove()
  }
}

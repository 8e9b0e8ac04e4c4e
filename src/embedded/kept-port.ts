import { randomInt } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { freePortAttemptsMax, keptPortMax } from '../../protocol/limits.ts'

// Below every system's ephemeral range (Linux begins at 32768, macOS at 49152): a client that keeps
// reconnecting to a server that is down can otherwise be given the server's own port and take it.
const portMin = 15_000

export const isPortFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    )
  })

const readPort = async (file: string): Promise<number | undefined> => {
  const text = await readFile(file, 'utf8').catch(() => '')
  const port = Number(text.trim())
  return Number.isInteger(port) && port >= 1_024 && port <= 65_535 ? port : undefined
}

/** A loopback port that nobody listens on now. */
export const freePort = async (): Promise<number> => {
  for (let attempt = 0; attempt < freePortAttemptsMax; attempt += 1) {
    const port = randomInt(portMin, keptPortMax)
    if (await isPortFree(port)) return port
  }
  throw new Error(`no free port between ${portMin} and ${keptPortMax} on 127.0.0.1`)
}

/**
 * The loopback port that the file names, while nobody else listens on it; else a free one, which the
 * file then names: a restart comes back under the address that others still hold.
 */
export const keptPort = async (file: string): Promise<number> => {
  const kept = await readPort(file)
  if (kept !== undefined && (await isPortFree(kept))) return kept
  const port = await freePort()
  await writeFile(file, `${port}\n`)
  return port
}

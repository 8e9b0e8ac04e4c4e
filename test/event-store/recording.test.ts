import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run } from './running.ts'

const probe = fileURLToPath(new URL('./probe/event-store-probe.mjs', import.meta.url))
const vectors = fileURLToPath(new URL('./probe/vectors.json', import.meta.url))
const groups = '^(append|read|remove|subscribe|metadata|fresh)/'

test('answers as the recorded EventStoreDB 24.2 did, in 1,074 cases', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lapel-test-'))
  const server = await run(folder)
  try {
    const args = [probe, server.url, '--diff', vectors, '--only', groups, '--fresh']
    const child = spawn(process.execPath, args)
    let report = ''
    child.stdout.on('data', (text) => {
      report += text
    })
    await once(child, 'close')
    assert.match(report, /^1074 same, 0 different, 0 missing$/m, report.slice(0, 4_000))
  } finally {
    await server.end('SIGTERM')
    await rm(folder, { recursive: true, force: true })
  }
})

test.run()

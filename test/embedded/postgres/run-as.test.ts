import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseRunAs, type RunAsFacts } from '../../../src/embedded/postgres/run-as.ts'

const test = suite('as whom Postgres runs')

const postgres = { uid: 101, gid: 104 }
const nobody = { uid: 65_534, gid: 65_534 }

const facts = (changes: Partial<RunAsFacts>): RunAsFacts => ({
  uid: 0,
  owner: undefined,
  unshareWorks: async () => true,
  accounts: async () => [postgres, nobody],
  ...changes,
})

const noUnshare = { unshareWorks: async () => false }

const refusal = (changes: Partial<RunAsFacts>) =>
  chooseRunAs(facts(changes)).then(
    ({ kind }) => kind,
    (error: Error) => error.message,
  )

test('not root: as itself, on its own data alone', async () => {
  assert.equal(await chooseRunAs(facts({ uid: 1000 })), { kind: 'self' })
  const own = { uid: 1000, gid: 1 }
  assert.equal(await chooseRunAs(facts({ uid: 1000, owner: own })), { kind: 'self' })
  const message = await refusal({ uid: 1000, owner: { uid: 0, gid: 0 } })
  assert.match(message, /belong to uid 0 .* runs as uid 1000/)
  assert.match(message, /DATABASE_URL/)
})

test('root: a user namespace, else `postgres`, else `nobody`', async () => {
  assert.equal(await chooseRunAs(facts({})), { kind: 'unshare' })
  assert.equal(await chooseRunAs(facts(noUnshare)), { kind: 'user', ...postgres })
  const onlyNobody = { ...noUnshare, accounts: async () => [nobody] }
  assert.equal(await chooseRunAs(facts(onlyNobody)), { kind: 'user', ...nobody })
  assert.match(await refusal({ ...noUnshare, accounts: async () => [] }), /DATABASE_URL/)
})

test('root: the owner of the data decides', async () => {
  assert.equal(await chooseRunAs(facts({ owner: nobody })), { kind: 'user', ...nobody })
  assert.equal(await chooseRunAs(facts({ owner: { uid: 0, gid: 0 } })), { kind: 'unshare' })
  const moved = { ...noUnshare, owner: { uid: 0, gid: 0 } }
  assert.equal(await chooseRunAs(facts(moved)), { kind: 'user', ...postgres })
})

test.run()

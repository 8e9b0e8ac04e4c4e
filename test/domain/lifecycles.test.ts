import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type {
  EndUserEvent,
  ProjectEvent,
  SigningKeyEvent,
} from '../../protocol/events/lifecycle.ts'
import { derivedId } from '../../protocol/ids.ts'
import * as endUsers from '../../src/domain/end-user.ts'
import * as projects from '../../src/domain/project.ts'
import * as signingKeys from '../../src/domain/signing-key.ts'
import { endUserNamed, sealed } from './sample.ts'
import { folded, judge, type Row, second } from './table.ts'

const test = suite('end user, project, signing key')

const endUserId = endUserNamed('ann')
const born: EndUserEvent = { type: 'EndUserCreated', data: { end_user_id: endUserId, sealed } }
const renamed: EndUserEvent = { type: 'EndUserUpdated', data: { sealed: 'b64=' } }
const erased: EndUserEvent = { type: 'EndUserErased', data: {} }

type EndUserOutcome = endUsers.UpdateOutcome | { readonly kind: 'created' | 'exists' }
const unknownUser = { outcome: { kind: 'refused', because: 'unknown-end-user' } } as const
const creating = endUsers.create({ endUserId, sealed })
const renaming = endUsers.update({ sealed: 'b64=' })
const endUserRows: readonly Row<EndUserOutcome, EndUserEvent, endUsers.EndUser>[] = [
  {
    name: 'create: a new one',
    given: [],
    when: creating,
    outcome: { kind: 'created' },
    events: [born],
    again: { outcome: { kind: 'exists' } },
  },
  { name: 'create: one that is there', given: [born], when: creating, outcome: { kind: 'exists' } },
  {
    name: 'create: one that was erased stays so',
    given: [born, erased],
    when: creating,
    outcome: { kind: 'exists' },
  },
  { name: 'update: an unknown one', given: [], when: renaming, ...unknownUser },
  {
    name: 'update: one that is there',
    given: [born],
    when: renaming,
    outcome: { kind: 'updated' },
    events: [renamed],
    again: { outcome: { kind: 'updated' }, events: [renamed] },
  },
  { name: 'update: one that was erased', given: [born, erased], when: renaming, ...unknownUser },
]
for (const row of endUserRows) test(`end user, ${row.name}`, () => judge(endUsers.endUser, row))

test('an end user is what was written, laid over each other; erased, nothing', () => {
  const written = folded(endUsers.endUser, [born, renamed])
  assert.equal(written, {
    status: 'active',
    endUserId,
    sealed: [sealed, 'b64='],
    createdAt: second(0),
    updatedAt: second(1),
  })
  const gone = folded(endUsers.endUser, [born, renamed, erased])
  assert.equal(gone, {
    status: 'erased',
    endUserId,
    sealed: [],
    createdAt: second(0),
    updatedAt: second(2),
  })
  for (const event of [renamed, erased])
    assert.equal(folded(endUsers.endUser, [event]), { status: 'unknown' })
})

const twin = derivedId('proj_', Buffer.from('twin'))
const founded: ProjectEvent = { type: 'ProjectCreated', data: { mode: 'test', twin, sealed } }
const founding = projects.create({ mode: 'test', twin, sealed })
const projectRows: readonly Row<
  { readonly kind: 'created' | 'exists' },
  ProjectEvent,
  projects.Project
>[] = [
  {
    name: 'a new one',
    given: [],
    when: founding,
    outcome: { kind: 'created' },
    events: [founded],
    again: { outcome: { kind: 'exists' } },
  },
  {
    name: 'one that is there',
    given: [founded],
    when: projects.create({ mode: 'live', twin, sealed }),
    outcome: { kind: 'exists' },
  },
]
for (const row of projectRows)
  test(`project, create: ${row.name}`, () => judge(projects.project, row))

test('a project is its world and its twin', () => {
  assert.equal(folded(projects.project, [founded]), {
    status: 'active',
    mode: 'test',
    twin,
    sealed,
    createdAt: second(0),
  })
})

const [kid, publicKey, crossSig] = ['0123456789abcdef', `${'A'.repeat(43)}=`, 'A'.repeat(86)]
const added: SigningKeyEvent = {
  type: 'SigningKeyAdded',
  data: { kid, public_key: publicKey, by: kid, cross_sig: crossSig },
}
const retired: SigningKeyEvent = { type: 'SigningKeyRetired', data: { kid } }
const adding = signingKeys.add({ kid, publicKey, by: kid, crossSig })
const keyRows: readonly Row<
  { readonly kind: 'added' | 'known' },
  SigningKeyEvent,
  signingKeys.SigningKey
>[] = [
  {
    name: 'a new one',
    given: [],
    when: adding,
    outcome: { kind: 'added' },
    events: [added],
    again: { outcome: { kind: 'known' } },
  },
  { name: 'one that is there', given: [added], when: adding, outcome: { kind: 'known' } },
  {
    name: 'one that was retired stays so',
    given: [added, retired],
    when: adding,
    outcome: { kind: 'known' },
  },
]
for (const row of keyRows)
  test(`signing key, add: ${row.name}`, () => judge(signingKeys.signingKey, row))

test('a retired signing key still verifies what it signed', () => {
  assert.equal(folded(signingKeys.signingKey, [added, retired]), { status: 'retired', publicKey })
  assert.equal(folded(signingKeys.signingKey, [retired]), { status: 'unknown' })
})

test.run()

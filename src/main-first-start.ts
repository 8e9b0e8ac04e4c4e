import { createHmac } from 'node:crypto'
import { signKey } from '../protocol/envelope.ts'
import { derivedId, type ProjectId } from '../protocol/ids.ts'
import { firstProjectWaitMsMax } from '../protocol/limits.ts'
import { add, signingKey } from './domain/signing-key.ts'
import { createKey } from './http/use-cases/api-keys.ts'
import { createProject } from './http/use-cases/create-project.ts'
import type { Projector } from './projecting/projector.ts'
import type { EventStore } from './store/event-store.ts'
import { newestOf, type Secrets } from './store/keyring.ts'
import type { Ledger } from './store/ledger.ts'
import { lifecyclePrefixes, signingKeyStream } from './store/streams.ts'

/** What keeps a node from starting: a sentence for the operator. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
}

/** Fresh secrets cannot read what older ones sealed, signed or hashed: a log that holds events wants its own. */
export const refuseForeignLog = async (
  store: EventStore,
  secrets: { readonly file: string; readonly created: boolean },
): Promise<void> => {
  if (!secrets.created || !(await store.holdsAny(lifecyclePrefixes))) return
  throw new StartRefused(
    `the event store already holds events, but ${secrets.file} was made just now: ` +
      'give back the secrets file that belongs to this log (LAPEL_SECRETS), or point EVENTSTORE_URL at an empty one',
  )
}

/** Each signing key of the secrets file stands in the log before the first event that it signs. */
export const publishSigningKeys = async (ledger: Ledger, secrets: Secrets): Promise<void> => {
  let [by, signer] = [...secrets.signing][0] ?? newestOf(secrets.signing)
  for (const [kid, pair] of secrets.signing) {
    const known = await ledger.read(signingKeyStream(kid), signingKey)
    if (known.state.status === 'unknown') {
      const args = {
        kid,
        publicKey: pair.publicKey.toString('base64'),
        by,
        crossSig: signKey(pair.publicKey, signer.privateKey),
      }
      const provenance = { project: null, actor: 'system', requestId: null } as const
      await ledger.transact(signingKeyStream(kid), signingKey, () => add(args), provenance)
    }
    ;[by, signer] = [kid, pair]
  }
}

/** The first project's worlds follow from the secrets, so that two nodes that start at once make the same one. */
export const firstProjectIds = (secrets: Secrets): { live: ProjectId; test: ProjectId } => {
  const idOf = (mode: string) =>
    derivedId('proj_', createHmac('sha256', secrets.projectHmac).update(`first\0${mode}`).digest())
  return { live: idOf('live'), test: idOf('test') }
}

type FirstKeyDeps = Parameters<typeof createProject>[0] &
  Parameters<typeof createKey>[0] & { readonly projector: Pick<Projector, 'waitFor'> }

/** Whether the log has no project yet. */
export const isFirstStart = async (store: EventStore): Promise<boolean> =>
  !(await store.holdsAny(['proj_']))

/**
 * On an empty log one project is made, and the key of its test world printed, once: it is stored nowhere. May be tried again. Whoever
 * finds the node finds the project too: where the read models follow in time.
 */
export const printFirstKey = async (
  deps: FirstKeyDeps,
  print: ((text: string) => void) | undefined,
): Promise<void> => {
  const by = { actor: 'system', requestId: null } as const
  const worlds = firstProjectIds(deps.secrets)
  await createProject(deps)({ name: 'My project', worlds, by })
  const key = {
    by: { ...by, project: worlds.test },
    idempotencyKey: undefined,
    ifMatch: undefined,
    body: { name: 'First key' },
  }
  const made = await createKey(deps)(key)
  if (made.kind !== 'created') throw new Error(`the first key: ${made.kind}`)
  if (made.position !== null) await deps.projector.waitFor(made.position, firstProjectWaitMsMax)
  print?.(
    `A first project was made: ${worlds.test} (test), ${worlds.live} (live).\n` +
      `The key of its test world, shown this once:\n\n  ${made.key}\n`,
  )
}

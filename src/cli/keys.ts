import { setTimeout as delay } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { keyWaitMsMax } from '../../protocol/limits.ts'
import { parseScope, type Scope, scopes } from '../../protocol/scopes.ts'
import { CommandFailed, call, findTarget, Misuse, request, type Target } from './api.ts'
import { apiOptions, type Context, outputOf, type Shared, speaking } from './context.ts'
import { record, show, table } from './output.ts'
import { projectOf } from './projects.ts'

type Key = Readonly<
  Record<'id' | 'key' | 'mode' | 'project_id' | 'name' | 'scopes' | 'hint' | 'created_at', unknown>
>

const shown = (body: Readonly<Record<string, unknown>>): Key => {
  const { id, key, mode, project_id, name, scopes: held, hint, created_at } = body
  return { id, key, mode, project_id, name, scopes: held, hint, created_at }
}

/** A new key works once the node has followed the log up to it: asked with the key itself. */
const whenItWorks = async (target: Target, key: string): Promise<void> => {
  const own = { ...target, bearer: key }
  for (
    const deadline = performance.now() + keyWaitMsMax;
    performance.now() < deadline;
    await delay(50)
  ) {
    const { status } = await request(own, { method: 'GET', path: '/v1/devices?limit=1' })
    if (status !== 401 && status !== 503) return
  }
  throw new CommandFailed(`the key was made, but does not work after ${keyWaitMsMax} ms`)
}

/** Makes a key and returns when it works. */
export const createKey = async (
  target: Target,
  {
    mode,
    project,
    name,
    scopes: held,
  }: { mode: 'live' | 'test'; project?: string; name?: string; scopes?: readonly Scope[] },
): Promise<Key> => {
  const body = { mode, ...(name !== undefined && { name }), ...(held && { scopes: held }) }
  const world = await projectOf(target, project, mode)
  const made = shown(
    await call(target, { method: 'POST', path: '/internal/api-keys', body, project: world }),
  )
  await whenItWorks(target, String(made.key))
  return made
}

const scopesOf = (text: string): readonly Scope[] =>
  text.split(',').map((name) => {
    const scope = parseScope(name.trim())
    if (!scope) throw new Misuse(`${name} is no scope; the scopes are ${scopes.join(', ')}`)
    return scope
  })

const modeOption = () => new Option('--mode <mode>', 'which world').choices(['test', 'live'])

type CreateOptions = Shared & {
  mode: 'live' | 'test'
  project?: string
  name?: string
  scopes?: string
}

const addCreate = (keys: Command, context: Context): void => {
  speaking(keys.command('create').description('make a key; it is shown this once'))
    .addOption(modeOption().makeOptionMandatory())
    .option('--project <id>', 'the project; may be left out while there is one')
    .option('--name <name>', 'what people call it')
    .option('--scopes <list>', 'a restricted key with these scopes, separated by commas')
    .action(async ({ scopes: list, ...options }: CreateOptions) => {
      const held = list === undefined ? {} : { scopes: scopesOf(list) }
      const target = await findTarget(apiOptions(context, options))
      const made = await createKey(target, { ...options, ...held })
      show(outputOf(context, options), made, () => [
        ...record({ id: made.id, mode: made.mode, project_id: made.project_id, name: made.name }),
        '',
        `  ${made.key}`,
        '',
        'This is the only time that the key is shown.',
      ])
    })
}

const addList = (keys: Command, context: Context): void => {
  speaking(keys.command('list').description('the keys of a project, newest first'))
    .option('--project <id>', 'the project; may be left out while there is one')
    .action(async (options: Shared & { project?: string }) => {
      const target = await findTarget(apiOptions(context, options))
      const project = await projectOf(target, options.project, 'test')
      const { data } = await call(target, { method: 'GET', path: '/internal/api-keys', project })
      const columns = ['id', 'mode', 'status', 'hint', 'name', 'scopes', 'created_at']
      const rows = data as readonly Record<string, unknown>[]
      show(outputOf(context, options), rows, () => table(columns, rows, 'There is no key yet.'))
    })
}

const addRotate = (keys: Command, context: Context): void => {
  speaking(
    keys
      .command('rotate')
      .description('another secret for a key; the old one works on for a while'),
  )
    .argument('<id>', 'key_…')
    .option('--project <id>', 'the project; may be left out while there is one')
    .option('--overlap-seconds <seconds>', 'how long the old one works on (default 86400)')
    .action(async (id: string, options: Shared & { project?: string; overlapSeconds?: string }) => {
      const target = await findTarget(apiOptions(context, options))
      const project = await projectOf(target, options.project, 'test')
      const overlap = options.overlapSeconds
      const body = overlap === undefined ? {} : { overlap_seconds: Number(overlap) }
      const path = `/internal/api-keys/${encodeURIComponent(id)}/rotate`
      const made = shown(await call(target, { method: 'POST', path, body, project }))
      show(outputOf(context, options), made, () => [
        `  ${made.key}`,
        '',
        'This is the only time that the key is shown.',
      ])
    })
}

const addRevoke = (keys: Command, context: Context): void => {
  speaking(keys.command('revoke').description('end a key for good'))
    .argument('<id>', 'key_…')
    .option('--project <id>', 'the project; may be left out while there is one')
    .action(async (id: string, options: Shared & { project?: string }) => {
      const target = await findTarget(apiOptions(context, options))
      const project = await projectOf(target, options.project, 'test')
      const path = `/internal/api-keys/${encodeURIComponent(id)}`
      const body = await call(target, { method: 'DELETE', path, project })
      show(outputOf(context, options), body, () => [`${id} is revoked.`])
    })
}

export const addKeys = (program: Command, context: Context): void => {
  const keys = program.command('keys').description('API keys')
  for (const add of [addCreate, addList, addRotate, addRevoke]) add(keys, context)
}

import type { Command } from 'commander'
import { type Answer, type Call, call, findTarget } from './api.ts'
import { apiOptions, type Context, outputOf, type Shared, speaking } from './context.ts'
import { record, show, table } from './output.ts'
import { projectOf } from './projects.ts'

type Options = Shared & { readonly project?: string; readonly live?: boolean }

const inProject = (command: Command): Command =>
  speaking(command)
    .option('--project <id>', 'the project world; may be left out while there is one project')
    .option('--live', 'its live world instead of the test world')

/** One call of the API, in the world that the options name. */
const ask = async (
  context: Context,
  options: Options,
  what: Omit<Call, 'project'>,
): Promise<Answer['body']> => {
  const target = await findTarget(apiOptions(context, options))
  const project = target.admin
    ? await projectOf(target, options.project, options.live ? 'live' : 'test')
    : undefined
  return call(target, { ...what, project })
}

const pathOf = (id: string, rest = ''): string => `/v1/devices/${encodeURIComponent(id)}${rest}`

const listed = [
  'id',
  'serial_number',
  'model',
  'status',
  'end_user_id',
  'online',
  'battery_percent',
  'last_seen_at',
]

const addReads = (devices: Command, context: Context): void => {
  inProject(devices.command('list').description('devices, newest first'))
    .option('--limit <n>', 'how many, 1 to 100', '25')
    .option('--cursor <cursor>', 'go on behind an earlier page')
    .action(async (options: Options & { limit: string; cursor?: string }) => {
      const query = new URLSearchParams({
        limit: options.limit,
        ...(options.cursor && { cursor: options.cursor }),
      })
      const body = await ask(context, options, { method: 'GET', path: `/v1/devices?${query}` })
      const rows = body['data'] as readonly Record<string, unknown>[]
      show(outputOf(context, options), body, () => [
        ...table(listed, rows, 'There is no device yet.'),
        ...(body['has_more'] === true ? ['', `More: --cursor ${body['next_cursor']}`] : []),
      ])
    })
  inProject(devices.command('show').description('one device').argument('<id>', 'dev_…')).action(
    async (id: string, options: Options) => {
      const body = await ask(context, options, { method: 'GET', path: pathOf(id) })
      show(outputOf(context, options), body, () => record(body))
    },
  )
  inProject(
    devices
      .command('history')
      .description('what happened to a device, newest first')
      .argument('<id>', 'dev_…'),
  ).action(async (id: string, options: Options) => {
    const body = await ask(context, options, {
      method: 'GET',
      path: pathOf(id, '/history?limit=100'),
    })
    const rows = body['data'] as readonly Record<string, unknown>[]
    const columns = ['revision', 'at', 'type', 'actor', 'data']
    show(outputOf(context, options), body, () => table(columns, rows, 'Nothing happened yet.'))
  })
}

const addWrites = (devices: Command, context: Context): void => {
  inProject(
    devices
      .command('bind')
      .description('bind a device to an end user; its token is shown this once'),
  )
    .argument('<id>', 'dev_…')
    .requiredOption('--end-user <id>', 'eu_…')
    .action(async (id: string, options: Options & { endUser: string }) => {
      const what = {
        method: 'POST',
        path: pathOf(id, '/bind'),
        body: { end_user_id: options.endUser },
      } as const
      const body = await ask(context, options, what)
      show(outputOf(context, options), body, () => [
        `${id} is bound to ${options.endUser}. Its token, shown this once:`,
        '',
        `  ${body['device_token']}`,
      ])
    })
  inProject(
    devices
      .command('unbind')
      .description('unbind a device: its token is dead, its socket closed')
      .argument('<id>', 'dev_…'),
  ).action(async (id: string, options: Options) => {
    const body = await ask(context, options, { method: 'POST', path: pathOf(id, '/unbind') })
    show(outputOf(context, options), body, () => [`${id} is unbound.`])
  })
}

export const addDevices = (program: Command, context: Context): void => {
  const devices = program.command('devices').description('devices and who owns them')
  addReads(devices, context)
  addWrites(devices, context)
}

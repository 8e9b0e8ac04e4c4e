import type { Command } from 'commander'
import { CommandFailed, call, findTarget, type Target } from './api.ts'
import { apiOptions, type Context, outputOf, type Shared, speaking } from './context.ts'
import { record, show, table } from './output.ts'

type Project = { readonly id_live: string; readonly id_test: string; readonly name: string | null }

export const listProjects = async (target: Target): Promise<readonly Project[]> => {
  const { data } = await call(target, { method: 'GET', path: '/internal/projects' })
  return data as readonly Project[]
}

/** The world that a command is about: the one that was named, or the only project's. */
export const projectOf = async (
  target: Target,
  named: string | undefined,
  mode: 'live' | 'test',
): Promise<string> => {
  if (named !== undefined) return named
  const [only, second] = await listProjects(target)
  if (!only)
    throw new CommandFailed(
      'there is no project yet: make one with `lapel projects create --name NAME`',
    )
  if (second)
    throw new CommandFailed(
      'there are several projects: say which with --project (see `lapel projects list`)',
    )
  return mode === 'live' ? only.id_live : only.id_test
}

const columns = ['id_live', 'id_test', 'name']

export const addProjects = (program: Command, context: Context): void => {
  const projects = program
    .command('projects')
    .description('projects, each with a live and a test world')
  speaking(projects.command('create').description('make a project'))
    .requiredOption('--name <name>', 'what people call it')
    .action(async (options: Shared & { name: string }) => {
      const target = await findTarget(apiOptions(context, options))
      const made = await call(target, {
        method: 'POST',
        path: '/internal/projects',
        body: { name: options.name },
      })
      const { id_live, id_test, name } = made
      show(outputOf(context, options), { id_live, id_test, name }, () =>
        record({ id_live, id_test, name }),
      )
    })
  speaking(projects.command('list').description('all projects, oldest first')).action(
    async (options: Shared) => {
      const target = await findTarget(apiOptions(context, options))
      const found = (await listProjects(target)).map(({ id_live, id_test, name }) => ({
        id_live,
        id_test,
        name,
      }))
      show(outputOf(context, options), found, () =>
        table(columns, found, 'There is no project yet.'),
      )
    },
  )
}

import { readFile, writeFile } from 'node:fs/promises'
import { routes } from '../../../src/http/app.ts'
import type { Route } from '../../../src/http/call.ts'
import { templateOf } from '../../../src/http/openapi/document.ts'

// `npm run routes` writes the README's list of routes anew.

export const readmeUrl = new URL('../../../README.md', import.meta.url)
const begin = '<!-- routes: npm run routes -->'
const end = '<!-- /routes -->'

const credentialOf = ({ access }: Route): string => {
  if (access === 'anyone') return ''
  if (access === 'operator') return 'this machine, or the `metrics` bearer'
  if (access === 'admin') return 'this start’s bearer'
  if (access === 'object-store') return '`S3_EVENTS_TOKEN`'
  if (access === 'upload') return 'the upload token in its path'
  if (access.device === 'only') return 'the device’s own token'
  return `\`${access.scope}\`${access.device === 'never' ? '' : ', or the device’s own token'}`
}

const lineOf = (route: Route): string =>
  `| \`${route.method} ${templateOf(route)}\` | ${route.operation.summary} | ${credentialOf(route)} |`

const routeList = (): string =>
  ['| route | what | with |', '| --- | --- | --- |', ...routes.map(lineOf)].join('\n')

/** The README with the list as it should be. */
export const withRouteList = (readme: string): string => {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the README has no ${begin} … ${end}`)
  return `${readme.slice(0, from + begin.length)}\n${routeList()}\n${readme.slice(to)}`
}

if (process.argv[1]?.endsWith('route-list.ts'))
  await writeFile(readmeUrl, withRouteList(await readFile(readmeUrl, 'utf8')))

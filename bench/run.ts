import { join } from 'node:path'

// `npm run bench -- api|connect|event-store|idle|ingest|object-store|quota|reads|rebuild|recordings|revoke`: figures beside peers, in one run, as ratios. Nothing here is a test.
const names = [
  'api',
  'connect',
  'event-store',
  'idle',
  'ingest',
  'object-store',
  'quota',
  'reads',
  'rebuild',
  'recordings',
  'revoke',
] as const

const name = process.argv[2] ?? ''
if (!names.some((known) => known === name)) {
  console.error(`usage: npm run bench -- ${names.join('|')}`)
  process.exit(2)
}
// The programs of a bench start as those of `lapel` do.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, '../node_modules/.cache/lapel')
await import(`./${name}.ts`)

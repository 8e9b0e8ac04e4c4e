// Who may import whom. One line a folder; what is not named is refused; a folder without a line fails the run.
const pure = ['zod', 'tweetnacl', '^(node:)?(buffer|crypto|zlib)$']
const may = {
  '^protocol/': ['^protocol/', ...pure],
  '^src/domain/': ['^src/domain/', '^protocol/'],
  '^projections/': ['^projections/', '^protocol/', 'kysely'],
  '^src/store/': ['^src/(store|domain)/', '^protocol/', '@eventstore/db-client', '@aws-sdk/client-s3', 'pg', 'kysely', 'tweetnacl', '^(node:)?(buffer|crypto|fs/promises|timers/promises)$'],
  '^src/auth/': ['^src/(auth|domain|store)/', '^projections/', '^protocol/', 'kysely', '^(node:)?(buffer|crypto|timers/promises)$'],
  '^src/ingest/': ['^src/(ingest|store)/', '^protocol/', '^(node:)?(buffer|crypto)$'],
  '^src/mqtt/': ['^src/(mqtt|auth|ingest|domain|store)/', '^projections/', '^protocol/', 'aedes', 'mqtt-packet', 'cbor-x', '^(node:)?(buffer|net|tls|stream)$'],
  '^src/http/': ['^src/(http|auth|ingest|domain|store)/', '^projections/', '^protocol/', 'koa', '@koa/router', 'zod', 'kysely', '^(node:)?(buffer|crypto|http|net|stream)$'],
  '^src/projecting/': ['^src/(projecting|store)/', '^projections/', '^protocol/', 'kysely', 'pg', '^(node:)?(crypto|fs/promises|timers/promises)$'],
  '^src/recordings/': ['^src/(recordings|domain|store)/', '^projections/', '^protocol/'],
  '^src/audit/': ['^src/(audit|domain|store)/', '^projections/', '^protocol/', 'kysely'],
  '^src/console/': ['^src/(console|auth|domain|store)/', '^projections/', '^protocol/'],
  '^src/embedded/': ['^src/embedded/', '^protocol/', '@grpc/grpc-js', 'google-protobuf', '@eventstore/db-client', '^(node:)?(buffer|child_process|crypto|events|fs|fs/promises|http|module|net|os|path|process|sqlite|stream|stream/promises|timers|timers/promises|url|worker_threads|zlib)$'],
  '^src/(main|config)': ['^src/', '^projections/', '^protocol/', 'pino', 'pino-pretty', 'prom-client', 'kysely', 'pg', 'zod', '^(node:)?[a-z_/]+$'],
  '^src/cli/': ['^src/(main|config|cli/|embedded/|store/)', '^protocol/', 'commander', 'mqtt', 'pg', 'kysely', '^(node:)?[a-z_/]+$'],
}
const target = (t) => (t.startsWith('^') ? t : `(^|/)node_modules/(@types/)?${t}(/|$)`)
const named = Object.keys(may).map((folder) => folder.slice(1))

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'no-dead-file', severity: 'error', from: { orphan: true, pathNot: '^(src/main|test/|bench/|protocol/vectors/)' }, to: {} },
    { name: 'no-test-code-in-the-product', severity: 'error', from: { pathNot: '^(test|bench)/' }, to: { path: '^(test|bench)/' } },
    { name: 'config-is-for-main', severity: 'error', from: { pathNot: '^(src/main|src/config|src/cli/|test/|bench/)' }, to: { path: '^src/config' } },
    { name: 'a-folder-needs-a-line', severity: 'error', from: { path: '^(src|protocol|projections)/', pathNot: named.map((n) => `^${n}`) }, to: {} },
    { name: 'only-the-root-imports-embedded', severity: 'error', from: { path: '^(src|projections|protocol)/', pathNot: '^src/(main|cli|embedded)' }, to: { path: '^src/embedded' } },
    ...Object.entries(may).map(([folder, targets]) => ({
      name: `${folder.slice(1).replace(/\/$/, '')}-imports-only`,
      severity: 'error',
      from: { path: folder },
      to: { pathNot: targets.map(target) },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
    },
  },
}

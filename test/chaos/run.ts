// `npm run chaos -- --kills N` under heartbeats and commands, `npm run chaos -- --recordings N` while devices upload recordings.
await import(process.argv.includes('--recordings') ? './recordings.ts' : './heartbeats.ts')

#!/usr/bin/env node
// Plain JavaScript that any Node can parse (no newer syntax than Node 12's): a Node that is too old for
// Lapel runs this file again under the npm package `node`, or says what to do.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as modules from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const needed = 24
const reexecuted = process.env.LAPEL_NODE_REEXEC === '1'

const newerNode = () => {
  try {
    const manifest = modules.createRequire(import.meta.url).resolve('node/package.json')
    const binary = join(
      dirname(manifest),
      'bin',
      process.platform === 'win32' ? 'node.exe' : 'node',
    )
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

const giveUp = (why) => {
  console.error(
    `Lapel needs Node ${needed} or newer; this is ${process.versions.node}${why}.\n` +
      `Install Node ${needed} (https://nodejs.org), or run \`npm install\` in ${root}, which brings one along.`,
  )
  process.exitCode = 1
}

const runAgain = (binary) => {
  // The fourth channel tells the other that this process is gone, however it went.
  const child = spawn(binary, process.execArgv.concat(process.argv.slice(1)), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: Object.assign({}, process.env, { LAPEL_NODE_REEXEC: '1' }),
  })
  const forward = (signal) => child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  signals.forEach((signal) => {
    process.on(signal, forward)
  })
  child.on('error', (error) => giveUp(`, and ${binary} does not run (${error.message})`))
  child.on('exit', (code, signal) => {
    signals.forEach((name) => {
      process.removeListener(name, forward)
    })
    if (signal) process.kill(process.pid, signal)
    else process.exit(code)
  })
}

// Half of a command's time is compiling; what cannot be kept is compiled again. The children take it from the environment.
const keepCompiled = () => {
  if (process.env.NODE_COMPILE_CACHE || !modules.enableCompileCache) return
  const folder = join(root, 'node_modules', '.cache', 'lapel')
  modules.enableCompileCache(folder)
  process.env.NODE_COMPILE_CACHE = folder
}

const start = () => {
  keepCompiled()
  if (reexecuted && process.channel) {
    delete process.env.LAPEL_NODE_REEXEC
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
    process.channel.unref()
  }
  import('../src/cli/main.ts').catch((error) => {
    console.error(error)
    process.exitCode = 1
  })
}

if (Number(process.versions.node.split('.')[0]) >= needed) start()
else if (reexecuted) giveUp(', though another was asked for')
else {
  const binary = newerNode()
  if (binary) runAgain(binary)
  else giveUp('')
}

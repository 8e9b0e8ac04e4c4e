import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '../../src/config.ts'
import { createLog } from '../../src/config-log.ts'
import { startLapel } from '../../src/main.ts'
import { openS3 } from '../../src/store/s3.ts'
import { incompleteFile } from './aftermath.ts'
import { believing } from './early-watermark.ts'

const dayMs = 86_400_000

// A Lapel in which a day may be shorter, so that one need not wait for seven of them. `--believe`: the negative control.
const loaded = loadConfig(process.env, process.cwd())
if (loaded.kind === 'faults') throw new Error('the environment is faulty')
const { config } = loaded
const text = await readFile(join(config.dataDir, incompleteFile), 'utf8').catch(() => undefined)
const incompleteDays = text === undefined ? config.incompleteDays : Number(text) / dayMs
const log = createLog(config.log, process.stdout)
const connectObjects = process.argv.includes('--believe') ? believing : openS3
const lapel = await startLapel({ ...config, incompleteDays }, { log, connectObjects })
process.once('SIGTERM', () => void lapel.stop())

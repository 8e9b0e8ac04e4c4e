import { startLapel } from './support/lapel.ts'
import { measureRebuild } from './support/rebuild.ts'

// Read models folded anew from a log of 30,000 lifecycle events and 400,000 observations.

const lapel = await startLapel()
try {
  await measureRebuild(lapel, { devices: 10_000, commits: 400 })
} finally {
  await lapel.stop()
}

import { startLapel } from './support/lapel.ts'
import { measureRebuild } from './support/rebuild.ts'

// Read models folded anew from a log of 45,000 lifecycle events and 600,000 observations.

const lapel = await startLapel()
try {
  await measureRebuild(lapel, { devices: 15_000, commits: 600 })
} finally {
  await lapel.stop()
}

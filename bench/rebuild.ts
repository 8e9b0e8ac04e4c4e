import { startLapel } from './support/lapel.ts'
import { measureRebuild } from './support/rebuild.ts'

// Read models folded anew from a log of 15,000 and of 60,000 lifecycle events, and of 400,000 observations.

const lapel = await startLapel()
try {
  await measureRebuild(lapel, { devices: 5_000, commits: 400 })
} finally {
  await lapel.stop()
}

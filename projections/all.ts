import { apiKeys } from './api-keys.ts'
import { deviceHealth } from './device-health.ts'
import { devices } from './devices.ts'
import { endUsers } from './end-users.ts'
import { ownership } from './ownership.ts'
import type { AnyProjection } from './projection.ts'
import { projects } from './projects.ts'
import { recordingChunks } from './recording-chunks.ts'
import { recordings } from './recordings.ts'
import { lostNodes, sessions } from './sessions.ts'
import { tokens } from './tokens.ts'

/** Every live projection. All are moved by one subscription, in one transaction a batch. */
export const allProjections: readonly AnyProjection[] = [
  projects,
  endUsers,
  devices,
  deviceHealth,
  tokens,
  apiKeys,
  sessions,
  lostNodes,
  ownership,
  recordings,
  recordingChunks,
]

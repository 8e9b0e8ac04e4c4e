import { z } from 'zod'
import { projectId, sealed } from './shapes.ts'

/** `<proj>.project-<id>`: one world; `twin` is the other. */
export const projectEvents = {
  ProjectCreated: z.strictObject({ mode: z.enum(['live', 'test']), twin: projectId, sealed }),
} as const

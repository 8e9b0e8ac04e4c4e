import { z } from 'zod'
import { apiKeyId, deviceId, endUserId, recordingId } from '../../../protocol/events/shapes.ts'

/** What stands for `{id}`. An id of another form names nothing: 404, never a fault of validation. */
export const devicePath = z.object({
  id: z.union([deviceId, z.literal('me')]).meta({
    description: 'The device; `me` is the one whose own token is presented.',
    examples: ['dev_0LapelVectorDevice0001'],
  }),
})
export const endUserPath = z.object({
  id: endUserId.meta({ description: 'The end user.', examples: ['eu_0LapelVectorEndUser001'] }),
})
export const apiKeyPath = z.object({
  id: apiKeyId.meta({ description: 'The API key.', examples: ['key_VectorApiKey'] }),
})
export const recordingPath = z.object({
  id: recordingId.meta({ description: 'The recording.', examples: ['rec_0LapelVectorRecording1'] }),
})
export const uploadPath = z.object({
  token: z.string().meta({ description: 'The upload token (`up_…`).', examples: ['up_e30.0'] }),
})

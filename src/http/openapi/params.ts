import { z } from 'zod'
import { apiKeyId, deviceId, endUserId } from '../../../protocol/events/shapes.ts'

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

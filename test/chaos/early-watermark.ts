import type { ObjectHead, ObjectStore } from '../../src/store/object-store.ts'
import { openS3, type S3Settings } from '../../src/store/s3.ts'

/**
 * The negative control: a Lapel that counts a chunk as stored before it looked. What was granted is answered for as if it had been put
 * already, so the watermark rises above chunks that are still on their way, and their devices free them. A checker that does not
 * catch this one proves nothing.
 */
export const believing = (settings: S3Settings): ObjectStore => {
  const objects = openS3(settings)
  const granted = new Map<string, ObjectHead>()
  return {
    ...objects,
    presignPut: (key, grant) => {
      const { bytes, sha256 } = grant
      if (bytes !== undefined && sha256 !== undefined)
        granted.set(key, { bytes, sha256, etag: sha256 })
      return objects.presignPut(key, grant)
    },
    head: async (key) => granted.get(key) ?? objects.head(key),
  }
}

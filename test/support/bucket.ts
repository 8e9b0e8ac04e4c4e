import { randomBytes } from 'node:crypto'
import type { ObjectStore } from '../../src/store/object-store.ts'
import { openS3 } from '../../src/store/s3.ts'
import type { S3Target } from '../object-store/s3-stage.ts'

/** A bucket of its own in an object store, as a node uses it. */
export const bucketAt = async ({
  endpoint,
  region,
  credentials,
}: S3Target): Promise<ObjectStore> => {
  const objects = openS3({
    endpoint,
    publicEndpoint: endpoint,
    bucket: `lapel-${randomBytes(4).toString('hex')}`,
    region,
    ...credentials,
    now: Date.now,
  })
  await objects.ensureBucket()
  return objects
}

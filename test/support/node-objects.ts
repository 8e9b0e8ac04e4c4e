import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectStore } from '../../src/store/object-store.ts'
import { openS3 } from '../../src/store/s3.ts'
import type { NodeFile } from './lapel.ts'

/** The embedded object store of a running node, as the node itself uses it. */
export const objectsOf = async ({
  data,
  node,
}: {
  readonly data: string
  readonly node: Pick<NodeFile, 's3_endpoint'>
}): Promise<ObjectStore> => {
  const text = await readFile(join(data, 'objects', 'credentials.json'), 'utf8')
  const keys = JSON.parse(text)
  return openS3({
    endpoint: node.s3_endpoint,
    publicEndpoint: node.s3_endpoint,
    bucket: 'lapel',
    region: 'us-east-1',
    accessKeyId: keys.access_key_id,
    secretAccessKey: keys.secret_access_key,
    now: Date.now,
  })
}

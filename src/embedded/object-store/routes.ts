import {
  createBucket,
  deleteBucket,
  headBucket,
  listBuckets,
  listObjects,
  locateBucket,
} from './bucket-handlers.ts'
import type { Handler } from './call.ts'
import { S3Fault } from './faults.ts'
import {
  copyObject,
  deleteObject,
  deleteObjects,
  getObject,
  headObject,
  putObject,
} from './object-handlers.ts'
import type { Address, Headers } from './objects.ts'
import {
  abortUpload,
  completeUpload,
  copyPart,
  createUpload,
  listParts,
  listUploads,
  uploadPart,
} from './upload-handlers.ts'

/** Every operation: the method, what is addressed, and the parameter that makes it another operation than the plain one. */
const routes: Readonly<Record<string, Handler>> = {
  'GET service': listBuckets,
  'PUT bucket': createBucket,
  'HEAD bucket': headBucket,
  'DELETE bucket': deleteBucket,
  'GET bucket': listObjects,
  'GET bucket location': locateBucket,
  'GET bucket uploads': listUploads,
  'POST bucket delete': deleteObjects,
  'PUT object': putObject,
  'PUT object copy': copyObject,
  'GET object': getObject,
  'HEAD object': headObject,
  'DELETE object': deleteObject,
  'POST object uploads': createUpload,
  'PUT object uploadId': uploadPart,
  'PUT object uploadId copy': copyPart,
  'POST object uploadId': completeUpload,
  'DELETE object uploadId': abortUpload,
  'GET object uploadId': listParts,
}

const subresources = new Set(
  `accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle location logging
  metrics notification object-lock ownershipControls partNumber policy policyStatus publicAccessBlock replication requestPayment
  restore retention select tagging torrent uploadId uploads versionId versioning versions website`.split(
    /\s+/,
  ),
)

type Asked = Address & {
  readonly method: string
  readonly query: ReadonlyMap<string, string>
  readonly headers: Headers
}

/** Throws `NotImplemented` for what only S3 has, `MethodNotAllowed` for what nothing has. */
export const handlerOf = ({ method, bucket, key, query, headers }: Asked): Handler => {
  const resource = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object'
  const named = [...query.keys()].filter((name) => subresources.has(name))
  // A part is named by two parameters, and uploadId is the one that tells.
  const telling = named.filter((name) => name !== 'partNumber' || !named.includes('uploadId'))
  const copies = method === 'PUT' && headers['x-amz-copy-source'] !== undefined ? ['copy'] : []
  const handler = routes[[method, resource, ...telling, ...copies].join(' ')]
  if (handler) return handler
  throw new S3Fault(telling.length > 0 ? 'NotImplemented' : 'MethodNotAllowed')
}

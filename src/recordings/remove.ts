import { parseChunkKey, recordingPrefix } from '../../protocol/object-keys.ts'
import type { BytesDeps, Place } from './ports.ts'

const batchKeys = 1_000

/** Takes away what stands below a recording, and is meant. Throws `ObjectStoreUnavailable`. */
const removeWhere = async (
  { objects }: Pick<BytesDeps, 'objects'>,
  { project, recording }: Place,
  isMeant: (key: string) => boolean,
): Promise<void> => {
  let keys: string[] = []
  for await (const { key } of objects.list(recordingPrefix(project, recording))) {
    if (isMeant(key)) keys.push(key)
    if (keys.length < batchKeys) continue
    await objects.delete(keys)
    keys = []
  }
  if (keys.length > 0) await objects.delete(keys)
}

/** Of a recording that was deleted, everything. */
export const removeAll = (deps: Pick<BytesDeps, 'objects'>, place: Place): Promise<void> =>
  removeWhere(deps, place, () => true)

/** Of a recording that is one object now, its chunks. */
export const removeChunks = (deps: Pick<BytesDeps, 'objects'>, place: Place): Promise<void> =>
  removeWhere(deps, place, (key) => parseChunkKey(key) !== undefined)

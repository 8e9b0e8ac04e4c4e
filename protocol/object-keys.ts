import type { MediaId, ProjectId, RecordingId } from './ids.ts'

/** Everything of a recording in the object store stands below this. */
export const recordingPrefix = (project: ProjectId, recording: RecordingId): string =>
  `${project}/${recording}/`

/** Where a chunk is put: MQTT contract, "Chunked upload". The attempt grows only after a quarantine. */
export const chunkKey = (
  { project, recording }: { readonly project: ProjectId; readonly recording: RecordingId },
  {
    index,
    sha256,
    attempt,
  }: { readonly index: number; readonly sha256: string; readonly attempt: number },
): string => `${recordingPrefix(project, recording)}${index}/${sha256}-${attempt}`

export type ChunkPlace = {
  readonly project: ProjectId
  readonly recording: RecordingId
  readonly index: number
  readonly sha256: string
  readonly attempt: number
}

const chunkForm =
  /^(proj_[0-9A-Za-z]{22})\/(rec_[0-9A-Za-z]{22})\/([1-9]\d{0,5})\/([0-9a-f]{64})-(0|[1-9]\d{0,5})$/

/** The chunk whose key that is, or `undefined` for any other object. */
export const parseChunkKey = (key: string): ChunkPlace | undefined => {
  const [, project, recording, index, sha256 = '', attempt] = chunkForm.exec(key) ?? []
  if (project === undefined) return undefined
  return {
    project: project as ProjectId,
    recording: recording as RecordingId,
    index: Number(index),
    sha256,
    attempt: Number(attempt),
  }
}

/** Where a file of its own is put. */
export const mediaKey = (
  project: ProjectId,
  recording: RecordingId,
  { mediaId, name }: { readonly mediaId: MediaId; readonly name: string },
): string => `${recordingPrefix(project, recording)}${mediaId}/${name}`

/** The whole of a recording, put together of its chunks. */
export const stitchedKey = (
  project: ProjectId,
  recording: RecordingId,
  extension: string,
): string => `${recordingPrefix(project, recording)}recording.${extension}`

/** What recordings are made of: HTTP contract, 2.6; MQTT contract, "Payloads". */

export const codecs = ['opus', 'pcm_s16le', 'aac', 'mp3'] as const
export type Codec = (typeof codecs)[number]

export const mediaKinds = ['audio', 'image', 'video'] as const
export type MediaKind = (typeof mediaKinds)[number]

/** Every content type that may be uploaded, with its kind and the extension of its file. */
export const contentTypes = {
  'audio/opus': { kind: 'audio', extension: 'opus' },
  'audio/wav': { kind: 'audio', extension: 'wav' },
  'audio/mpeg': { kind: 'audio', extension: 'mp3' },
  'audio/mp4': { kind: 'audio', extension: 'm4a' },
  'audio/webm': { kind: 'audio', extension: 'webm' },
  'audio/ogg': { kind: 'audio', extension: 'ogg' },
  'audio/flac': { kind: 'audio', extension: 'flac' },
  'audio/aac': { kind: 'audio', extension: 'aac' },
  'image/jpeg': { kind: 'image', extension: 'jpg' },
  'image/png': { kind: 'image', extension: 'png' },
  'video/mp4': { kind: 'video', extension: 'mp4' },
} as const satisfies Record<string, { readonly kind: MediaKind; readonly extension: string }>
export type ContentType = keyof typeof contentTypes

export const isContentType = (text: string): text is ContentType =>
  Object.hasOwn(contentTypes, text)

/** The whole of a recording that came in chunks of that codec. */
export const stitchedTypes = {
  opus: { contentType: 'audio/ogg', extension: 'ogg' },
  pcm_s16le: { contentType: 'application/octet-stream', extension: 'pcm' },
  aac: { contentType: 'audio/aac', extension: 'aac' },
  mp3: { contentType: 'audio/mpeg', extension: 'mp3' },
} as const satisfies Record<Codec, { readonly contentType: string; readonly extension: string }>

/** Chunks that cannot be made one playable object. */
export class BrokenAudio extends Error {
  override readonly name = 'BrokenAudio'
  /** Lower letters, digits and underscores: what a recording is said to have failed of. */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

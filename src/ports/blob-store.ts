export type BlobInfo = {
  readonly key: string
  readonly bytes: number
  /** Milliseconds since the epoch of the last put, also of a put of the same bytes. */
  readonly putAt: number
}

/**
 * Bytes by key. Keys are relative paths of `[A-Za-z0-9._-]` segments (`images/ab/abcd…`). `put` resolves once the bytes are
 * durable, replaces what was there in one step, and renews `putAt`; a reader sees the old bytes or the new, never a part.
 * Full disk: `storage-full`.
 */
export interface BlobStore {
  put(key: string, bytes: Uint8Array): Promise<void>
  get(key: string): Promise<Uint8Array | null>
  info(key: string): Promise<BlobInfo | null>
  /**
   * Does nothing when there is none, nor when its last put is after `unlessPutAfter` (milliseconds since the epoch): the blob that
   * such a put made durable is never deleted, however the two calls meet.
   */
  delete(key: string, unlessPutAfter?: number): Promise<void>
  list(prefix: string): AsyncIterable<BlobInfo>
  close(): Promise<void>
}

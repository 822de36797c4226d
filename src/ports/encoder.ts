/** A picture to embed. With an `imageId` its backbone features are looked up in the cache before `bytes` is asked for. */
export type ImageInput = {
  readonly imageId: string | null
  readonly bytes: () => Promise<Uint8Array>
}

/**
 * One model version: pictures and texts into one space. Results are unit vectors of `dimension`, in the order of the input. A
 * picture that cannot be decoded throws its `image-…` error; callers that batch fall back to one at a time to find it. Pictures may take
 * long: `not-ready` soon after `signal` is raised.
 */
export interface Encoder {
  readonly modelVersion: string
  readonly dimension: number
  encodeImages(images: readonly ImageInput[], signal?: AbortSignal): Promise<readonly Float32Array[]>
  encodeTexts(texts: readonly string[]): Promise<readonly Float32Array[]>
  close(): Promise<void>
}

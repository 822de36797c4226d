/** A picture to embed. With an `imageId` its backbone features are looked up in the cache before `bytes` is asked for. */
export type ImageInput = {
  readonly imageId: string | null
  readonly bytes: () => Promise<Uint8Array>
}

/** What is known of texts that are captions of pairs. */
export type TextOptions = {
  /** The pairs of the texts, in their order: what a frozen encoder gives for them is looked up in the cache, and kept there. */
  readonly pairIds?: readonly string[]
  /** `not-ready` soon after it is raised. */
  readonly signal?: AbortSignal | undefined
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
  /** The vector of a text is the same with and without options. */
  encodeTexts(texts: readonly string[], options?: TextOptions): Promise<readonly Float32Array[]>
  close(): Promise<void>
}

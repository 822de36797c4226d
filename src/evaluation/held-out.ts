import type { Catalogue, LivePair } from '../catalogue/catalogue.ts'
import type { Split } from '../core/split.ts'
import { toAppError } from '../core/errors.ts'
import { requireGoing, unlessStopped } from '../core/stop.ts'
import type { Encoder, ImageInput } from '../ports/encoder.ts'
import { evaluateInProcess } from './evaluate-in-process.ts'
import type { Evaluation } from './evaluate-retrieval.ts'

/** Which of `imageIds` satisfy a caption; null: only the image it was written for. */
export type Judgement = (pair: LivePair, imageIds: readonly string[]) => readonly string[] | null

export type HeldOutSet = {
  readonly imageIds: readonly string[]
  readonly captions: readonly LivePair[]
  /** By pairId, where judgements name more than the caption's own image. */
  readonly relevant: ReadonlyMap<string, readonly string[]>
}

/** The live images and captions of a held-out split, in an order that can be repeated. */
export function heldOutSet(catalogue: Catalogue, split: Split, judge: Judgement = () => null): HeldOutSet {
  const captions = catalogue.livePairsOf(split)
  const imageIds = [...new Set(captions.map(({ imageId }) => imageId))].sort()
  const relevant = new Map<string, readonly string[]>()
  for (const caption of captions) {
    const images = judge(caption, imageIds)
    if (images !== null) relevant.set(caption.pairId, images)
  }
  return { imageIds, captions, relevant }
}

/** Pictures or captions between two looks at whether to stop. */
const PAGE = 64

async function inPages<Item>(
  items: readonly Item[],
  encode: (page: readonly Item[]) => Promise<readonly Float32Array[]>,
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = []
  for (let from = 0; from < items.length; from += PAGE) {
    requireGoing(signal)
    vectors.push(...(await encode(items.slice(from, from + PAGE))))
  }
  return vectors
}

/**
 * Retrieval of one model over a held-out set, both ways; the comparisons run in a process of their own. Throws `not-ready` soon after
 * `signal` is raised.
 */
export async function evaluateModel(
  encoder: Encoder,
  { imageIds, captions, relevant }: HeldOutSet,
  bytesOf: (imageId: string) => Promise<Uint8Array>,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const inputs = imageIds.map((imageId): ImageInput => ({
    imageId,
    bytes: () => unlessStopped(bytesOf(imageId), signal),
  }))
  const imageVectors = await inPages(inputs, (page) => encodePictures(encoder, page, signal), signal)
  const captionVectors = await inPages(captions, (page) => encodeCaptions(encoder, page, signal), signal)
  const order = {
    images: imageIds.map((id, i) => ({ id, vector: vectorAt(imageVectors, i) })),
    captions: captions.map(({ pairId, imageId, caption }, i) => ({
      id: pairId,
      imageId,
      text: caption,
      vector: vectorAt(captionVectors, i),
    })),
    relevant,
  }
  return evaluateInProcess(order, signal)
}

/**
 * A picture that the model cannot take, such as one that is far too narrow for it, has a vector of zeros: nobody finds it by that model, and
 * both models are judged on the same pictures.
 */
async function encodePictures(
  encoder: Encoder,
  page: readonly ImageInput[],
  signal: AbortSignal | undefined,
): Promise<readonly Float32Array[]> {
  try {
    return await encoder.encodeImages(page, signal)
  } catch (error) {
    if (!toAppError(error).code.startsWith('image-')) throw error
    if (page.length === 1) return [new Float32Array(encoder.dimension)]
    const vectors: Float32Array[] = []
    for (const one of page) vectors.push(...(await encodePictures(encoder, [one], signal)))
    return vectors
  }
}

/** The vectors of captions of pairs, in order. */
export const encodeCaptions = (
  encoder: Encoder,
  pairs: readonly Pick<LivePair, 'pairId' | 'caption'>[],
  signal: AbortSignal | undefined,
): Promise<readonly Float32Array[]> =>
  encoder.encodeTexts(
    pairs.map(({ caption }) => caption),
    { pairIds: pairs.map(({ pairId }) => pairId), signal },
  )

const vectorAt = (vectors: readonly Float32Array[], i: number): Float32Array => vectors[i] ?? new Float32Array()

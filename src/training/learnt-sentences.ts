import { requireGoing, unlessStopped } from '../core/stop.ts'
import type { FeatureCache } from '../models/feature-cache.ts'
import type { SentenceEncoder } from '../models/pretrained/sentence-encoder.ts'
import type { TrainingImage } from './training-data.ts'

/** Captions that are read in one go: enough to share runs of the encoder, few enough that progress is seen. */
const CAPTIONS_AT_ONCE = 256

type ReadingSentences = {
  /** Null where the model builds on none: images then pass as they are. */
  readonly encoder: Pick<SentenceEncoder, 'id' | 'encode'> | null
  /** Captions that are expected; less come where some are erased meanwhile. */
  readonly total: number
  readonly onCaptions?: ((done: number, total: number) => void) | undefined
  readonly signal: AbortSignal
}

/**
 * The images with the embeddings of their captions, in their order, all of which have their `pairIds`. An embedding is made once for all
 * trainings and generations: an interrupted preparation goes on where it was. Throws `not-ready` once the signal is raised.
 */
export async function* withSentences<Image extends TrainingImage>(
  images: AsyncIterable<Image>,
  { encoder, total, onCaptions, signal }: ReadingSentences,
  { features }: { readonly features: Pick<FeatureCache, 'sentences' | 'flush'> },
): AsyncIterable<Image> {
  if (encoder === null) {
    yield* images
    return
  }
  let done = 0
  for await (const slice of slicesOf(images)) {
    requireGoing(signal)
    const captions = slice.flatMap(({ captions, pairIds = [] }) =>
      captions.map((caption, i) => ({ caption, pairId: pairIds[i] ?? '' })),
    )
    const embedded = await features.sentences(captions, encoder, signal)
    let at = 0
    for (const image of slice) yield { ...image, sentences: embedded.slice(at, (at += image.captions.length)) }
    done += captions.length
    onCaptions?.(done, total)
  }
  onCaptions?.(total, total)
  await unlessStopped(features.flush(), signal)
}

/** Images with as many captions together as are read in one go. */
async function* slicesOf<Image extends TrainingImage>(images: AsyncIterable<Image>): AsyncIterable<Image[]> {
  let slice: Image[] = []
  let captions = 0
  for await (const image of images) {
    slice.push(image)
    captions += image.captions.length
    if (captions < CAPTIONS_AT_ONCE) continue
    yield slice
    slice = []
    captions = 0
  }
  if (slice.length > 0) yield slice
}

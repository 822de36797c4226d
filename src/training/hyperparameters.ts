import type { Precision } from '../models/pretrained/onnx-file.ts'
import type { ImageHead, WordTower } from './definitions/shape.ts'

/** Everything about a training that is chosen and not computed. */
export type Hyperparameters = {
  /** What is seen of a picture: it alone, its mirror image as well, or four corners from nearer as well as both. */
  readonly imageViews: 'plain' | 'mirrored' | 'corners'
  readonly embeddingWidth: number
  /** What makes an embedding of a picture's features; `attention` weighs its regions, which the backbone has to show. */
  readonly imageHead: ImageHead['kind']
  /** The hidden layer of an `mlp` head. */
  readonly imageHidden: number
  /** The edge of the grid of regions, at most. */
  readonly imageRegions: number
  /** What reads a caption's words; `none` leaves all to the sentence encoder. */
  readonly wordTower: WordTower['kind'] | 'none'
  readonly wordWidth: number
  /** Rows that the pairs of neighbouring words of a bag share; 0 reads words alone. */
  readonly bigramBuckets: number
  /** Of a recurrent layer. */
  readonly hiddenWidth: number
  /** The hidden units of the adapters over a CLIP; 0 trains nothing and serves it as it is. */
  readonly adapterWidth: number
  /** Of a transformer. */
  readonly layers: number
  /** Of a transformer, and of attention to regions. */
  readonly heads: number
  readonly batchSize: number
  /** How many of a batch go through the towers at once, to use less memory; 0, or no divisor of the batch: all. */
  readonly chunkSize: number
  readonly maximumEpochs: number
  /** Epochs without a better development recall after which training ends. */
  readonly patience: number
  readonly learningRate: number
  readonly weightDecay: number
  /** Share of all steps over which the learning rate rises. */
  readonly warmUp: number
  /** The length that the gradient is cut to. */
  readonly maximumGradientNorm: number
  /** Share of the averaged weights that a step keeps; the averages are what is judged and exported. */
  readonly averageDecay: number
  readonly featureDropout: number
  readonly wordDropout: number
  readonly sentenceDropout: number
  readonly minimumWordCount: number
  readonly maximumVocabulary: number
  readonly maxLength: number
  /** Steps between checkpoints within an epoch; there is one after every epoch, too. */
  readonly checkpointEvery: number
  /** How weights are stored in the exported model, unless this would cost more than half a point of development recall. */
  readonly exportPrecision: Precision
}

/** From this many pairs on there is enough to fill large batches and wide embeddings. */
const MANY_PAIRS = 8_000

/**
 * Defaults for a number of training pairs. From the literature: AdamW with warm-up and a cosine, unit embeddings of width 512,
 * gradient length 1. Chosen by trial, on the development fold of Flickr8k and, for few pairs, on drawn scenes: batch, learning
 * rate, averaging, widths, the image head, dropout, epochs (`docs/decisions/0004-training-on-onnx-runtime.md`, `docs/benchmarks.md`).
 */
export function defaultHyperparameters(pairs: number): Hyperparameters {
  const many = pairs >= MANY_PAIRS
  return {
    imageViews: 'mirrored',
    embeddingWidth: many ? 512 : 256,
    imageHead: many ? 'mlp' : 'linear',
    imageHidden: many ? 1_024 : 256,
    imageRegions: 3,
    wordTower: 'bag',
    wordWidth: many ? 512 : 256,
    bigramBuckets: 0,
    hiddenWidth: 512,
    adapterWidth: many ? 256 : 128,
    layers: 2,
    heads: 4,
    batchSize: many ? 512 : 128,
    chunkSize: 0,
    maximumEpochs: many ? 6 : 30,
    patience: many ? 3 : 4,
    learningRate: many ? 1.5e-3 : 4e-3,
    weightDecay: 0.1,
    warmUp: 0.1,
    maximumGradientNorm: 1,
    averageDecay: many ? 0.993 : 0.98,
    featureDropout: many ? 0.5 : 0.15,
    wordDropout: many ? 0 : 0.1,
    sentenceDropout: 0.1,
    minimumWordCount: 2,
    maximumVocabulary: 20_000,
    maxLength: 24,
    checkpointEvery: 200,
    exportPrecision: 'fp32',
  }
}

/**
 * The same for adapters over a CLIP, whose embeddings have `width` numbers. What goes into an adapter is hardly dropped out, since an embedding
 * is no redundant set of features (`docs/decisions/0016-clip.md`). It was trained without mirror images, and gives its own embeddings where
 * nothing is learned.
 */
export const clipHyperparameters = (pairs: number, width: number): Hyperparameters => ({
  ...defaultHyperparameters(pairs),
  imageViews: 'plain',
  embeddingWidth: width,
  imageHead: 'linear',
  wordTower: 'none',
  learningRate: 2e-3,
  featureDropout: 0.1,
})

import { adapterShapes } from './adapters.ts'
import { poolingShapes, type RegionSizes } from './attention-pooling.ts'
import { recurrentShapes } from './recurrent.ts'
import { blockShapes } from './transformer.ts'

export type Shapes = Readonly<Record<string, readonly number[]>>

/** What reads the embedded words of a text, `width` numbers a word. */
export type WordTower =
  /**
   * Their mean, in any order, and beside it the mean of their pairs of neighbours, which share so many rows behind those of the words; none where
   * it is left out.
   */
  | { readonly kind: 'bag'; readonly width: number; readonly bigramBuckets?: number }
  /** The mean of the outputs of a recurrent layer. */
  | { readonly kind: 'gru' | 'lstm'; readonly width: number; readonly hidden: number }
  /** The mean of the outputs of the last block. */
  | { readonly kind: 'transformer'; readonly width: number; readonly layers: number; readonly heads: number }

/** What makes an embedding of a picture's features. */
export type ImageHead =
  | { readonly kind: 'linear' }
  /** A hidden layer beside the projection. */
  | { readonly kind: 'mlp'; readonly hidden: number }
  /** Attention to the regions that end a row of features, beside the projection of what is before them. */
  | { readonly kind: 'attention'; readonly regions: RegionSizes; readonly heads: number }

/** The towers of a dual encoder. At least one of `words` and `sentenceWidth` is there; where both are, their projections are added. */
export type DualEncoderShape = {
  /** Of a row, regions included. */
  readonly featureWidth: number
  readonly imageHead: ImageHead
  readonly embeddingWidth: number
  /** Words a caption is cut at. */
  readonly maxLength: number
  readonly words: WordTower | null
  /** The width of a frozen sentence encoder's embeddings. */
  readonly sentenceWidth: number | null
  /**
   * The hidden units of residual adapters, which take the place of both projections where features and sentences are embeddings of one space
   * (a CLIP's) already; 0 leaves these as they are.
   */
  readonly adapterWidth?: number | undefined
}

export const widthOfWords = ({ words }: DualEncoderShape): number => words?.width ?? 0

/** The rows behind those of the words. */
export const bigramRows = (words: WordTower): number => (words.kind === 'bag' ? (words.bigramBuckets ?? 0) : 0)

const prefixed = (prefix: string, shapes: Shapes): Shapes =>
  Object.fromEntries(Object.entries(shapes).map(([name, sizes]) => [`${prefix}_${name}`, sizes]))

const projection = (name: string, from: number, to: number): Shapes => ({
  [`${name}_projection_weight`]: [from, to],
  [`${name}_projection_bias`]: [to],
})

function wordShapes(words: WordTower, { embeddingWidth, maxLength }: DualEncoderShape): Shapes {
  switch (words.kind) {
    case 'bag':
      return projection('words', words.width, embeddingWidth)
    case 'gru':
    case 'lstm':
      return {
        ...prefixed(words.kind, recurrentShapes(words.kind, words.width, words.hidden)),
        ...projection('words', words.hidden, embeddingWidth),
      }
    case 'transformer':
      return {
        places: [maxLength, words.width],
        ...Array.from({ length: words.layers }, (_, block) =>
          prefixed(`block_${block}`, blockShapes(words.width)),
        ).reduce((all, block) => ({ ...all, ...block })),
        ...projection('words', words.width, embeddingWidth),
      }
  }
}

/** The arrays of the text towers but for the table of words, which stays outside the graph. */
export const textShapes = (shape: DualEncoderShape): Shapes =>
  shape.adapterWidth === undefined
    ? projectedTextShapes(shape)
    : adapterShapes('text', shape.embeddingWidth, shape.adapterWidth)

const projectedTextShapes = (shape: DualEncoderShape): Shapes => ({
  ...(shape.words === null ? {} : wordShapes(shape.words, shape)),
  ...(shape.sentenceWidth === null ? {} : projection('sentence', shape.sentenceWidth, shape.embeddingWidth)),
})

/** The trained arrays of the image head. */
export const imageShapes = (shape: DualEncoderShape): Shapes =>
  shape.adapterWidth === undefined
    ? projectedImageShapes(shape)
    : adapterShapes('image', shape.embeddingWidth, shape.adapterWidth)

/** The width of the features of the whole picture, which a row begins with. */
export const wholeWidth = ({
  featureWidth,
  imageHead,
}: Pick<DualEncoderShape, 'featureWidth' | 'imageHead'>): number =>
  imageHead.kind === 'attention' ? featureWidth - imageHead.regions.count * imageHead.regions.width : featureWidth

function projectedImageShapes(shape: DualEncoderShape): Shapes {
  const { imageHead, embeddingWidth } = shape
  const whole = wholeWidth(shape)
  const linear = projection('image', whole, embeddingWidth)
  switch (imageHead.kind) {
    case 'linear':
      return linear
    case 'mlp':
      return {
        ...linear,
        ...projection('image_in', whole, imageHead.hidden),
        ...projection('image_out', imageHead.hidden, embeddingWidth),
      }
    case 'attention': {
      const { regions, heads } = imageHead
      return { ...linear, ...prefixed('regions', poolingShapes(whole, regions.width, heads, embeddingWidth)) }
    }
  }
}

/** All trained arrays but for the table of words. */
export const parameterShapes = (shape: DualEncoderShape): Shapes => ({
  ...imageShapes(shape),
  ...textShapes(shape),
  logit_scale: [],
})

/** Constants of the image head: what features and regions are centred by and multiplied with; adapters take them as they are. */
export function frozenShapes(shape: DualEncoderShape): Shapes {
  if (shape.adapterWidth !== undefined) return {}
  const whole = wholeWidth(shape)
  const ofWhole = { feature_mean: [whole], feature_scale: [whole] }
  if (shape.imageHead.kind !== 'attention') return ofWhole
  const { width } = shape.imageHead.regions
  return { ...ofWhole, region_mean: [width], region_scale: [width] }
}

/** Numbers of a picture that may be dropped out: a number of the regions goes in all of them at once, as they overlap. */
const droppedWidth = (shape: DualEncoderShape): number =>
  wholeWidth(shape) + (shape.imageHead.kind === 'attention' ? shape.imageHead.regions.width : 0)

/** The words of a batch as its tower reads them: means, or one row a word (time first) with a mask. */
export function wordInputShapes({ words, maxLength }: DualEncoderShape, batch: number): Shapes {
  if (words === null) return {}
  if (words.kind === 'bag') return { bags: [batch, words.width] }
  return { word_rows: [maxLength, batch, words.width], word_mask: [maxLength, batch, 1] }
}

/** What a batch says of its texts. */
export const textInputShapes = (shape: DualEncoderShape, batch: number): Shapes => ({
  ...wordInputShapes(shape, batch),
  ...(shape.sentenceWidth === null ? {} : { sentences: [batch, shape.sentenceWidth] }),
})

/** The input through which the table of words is trained, if there is one. */
export const trainedInput = ({ words }: DualEncoderShape): 'bags' | 'word_rows' | null => {
  if (words === null) return null
  return words.kind === 'bag' ? 'bags' : 'word_rows'
}

/** What changes from step to step. */
export const batchShapes = (shape: DualEncoderShape, batch: number): Shapes => ({
  features: [batch, shape.featureWidth],
  feature_dropout: [batch, droppedWidth(shape)],
  matches: [batch, batch],
  ...textInputShapes(shape, batch),
  ...(shape.sentenceWidth === null ? {} : { sentence_dropout: [batch, shape.sentenceWidth] }),
})

import { createGraph } from '../models/onnx/graph.ts'
import { openOnnxSession } from '../models/onnx-session.ts'
import { readAverage } from './feature-file.ts'
import type { FeatureSources } from './batch-tensors.ts'
import type { ExampleSet } from './example-set.ts'
import type { DualEncoderShape } from './definitions/shape.ts'

/** Recall@1, @5 and @10 as shares. */
export type Recall = { readonly at1: number; readonly at5: number; readonly at10: number }
/** Both ways: the picture of a caption; any caption of a picture. */
export type BothRecalls = { readonly textToImage: Recall; readonly imageToText: Recall }

/** Images that the development recall searches among at most; enough to tell epochs apart, few enough to take a moment. */
const MAXIMUM_IMAGES = 1_000
const CHUNK = 512

/** A caption with the position of its image, and its embedding where the model builds on a sentence encoder. */
type FoldCaption = { readonly ids: ArrayLike<number>; readonly image: number; readonly sentence: Float32Array | null }

type DevelopmentFold = {
  /** Averages of the views, [images, width]. */
  readonly features: Float32Array
  readonly images: number
  readonly captions: readonly FoldCaption[]
}

/** Loads the fold once; every epoch is judged on it. Views are averaged, as in serving. */
export function loadDevelopmentFold(
  examples: ExampleSet,
  { features, sentences }: FeatureSources,
  views: number,
  { featureWidth: width, sentenceWidth }: Pick<DualEncoderShape, 'featureWidth' | 'sentenceWidth'>,
  most = MAXIMUM_IMAGES,
): DevelopmentFold {
  const rows = [...examples.imageStarts.subarray(0, -1).subarray(0, most)].map(examples.row)
  const averages = new Float32Array(rows.length * width)
  for (const [position, row] of rows.entries()) {
    readAverage(features, row, views, averages.subarray(position * width, (position + 1) * width))
  }
  const embeddingOf = (row: number): Float32Array | null => {
    if (sentences === null || sentenceWidth === null) return null
    const embedding = new Float32Array(sentenceWidth)
    sentences.read(row, 0, embedding, 0)
    return embedding
  }
  const captions = rows.flatMap((_, image) => {
    const [from = 0, to = 0] = examples.imageStarts.subarray(image, image + 2)
    return Array.from({ length: to - from }, (_, i) => {
      const sentence = embeddingOf(examples.sentence(from + i))
      return { ids: examples.words(from + i), image, sentence }
    })
  })
  return { features: averages, images: rows.length, captions }
}

/** [texts, embedding] times [images, embedding], transposed: the similarity of every text with every image. */
function similarityFile(): Uint8Array {
  const graph = createGraph('similarity')
  const texts = graph.input('texts', 'float32', ['text', 'embedding'])
  const images = graph.input('images', 'float32', ['image', 'embedding'])
  graph.output('similarity', graph.node('Gemm', [texts, images], { transB: 1 }), 'float32', ['text', 'image'])
  return graph.encode()
}

/** A batch of texts as `text_model.onnx` takes it. */
export function textInputs(captions: readonly FoldCaption[], { maxLength, words, sentenceWidth }: TextShape) {
  const ids = new BigInt64Array(captions.length * maxLength)
  const mask = new BigInt64Array(captions.length * maxLength)
  for (const [row, caption] of captions.entries()) {
    for (let place = 0; place < caption.ids.length; place++) {
      ids[row * maxLength + place] = BigInt(caption.ids[place] ?? 0)
      mask[row * maxLength + place] = 1n
    }
  }
  const sentences = new Float32Array(captions.length * (sentenceWidth ?? 0))
  for (const [row, { sentence }] of captions.entries())
    if (sentence !== null) sentences.set(sentence, row * sentence.length)
  const shape = [captions.length, maxLength]
  return {
    ...(words === null ? {} : { input_ids: { data: ids, shape }, attention_mask: { data: mask, shape } }),
    ...(sentenceWidth === null
      ? {}
      : { sentence_embeds: { data: sentences, shape: [captions.length, sentenceWidth] } }),
  }
}

type TextShape = Pick<DualEncoderShape, 'maxLength' | 'words' | 'sentenceWidth'>

/** How many images come before the one at `own`; ties count for it. */
function rankOf(scores: Float32Array, own: number): number {
  const score = scores[own] ?? 0
  return scores.reduce((rank, other) => (other > score ? rank + 1 : rank), 0)
}

/** For each image, how many captions come before the best of its own; `similarities` is [captions, images]. */
function captionRanks({ captions, images }: DevelopmentFold, similarities: Float32Array): number[] {
  const best = new Float32Array(images).fill(Number.NEGATIVE_INFINITY)
  for (const [row, { image }] of captions.entries()) {
    best[image] = Math.max(best[image] ?? 0, similarities[row * images + image] ?? 0)
  }
  const ranks = new Array<number>(images).fill(0)
  for (let at = 0; at < similarities.length; at++) {
    const image = at % images
    if ((similarities[at] as number) > (best[image] as number)) ranks[image] = (ranks[image] as number) + 1
  }
  return ranks
}

function recallOf(ranks: readonly number[]): Recall {
  const at = (limit: number) => (ranks.length === 0 ? 0 : ranks.filter((rank) => rank < limit).length / ranks.length)
  return { at1: at(1), at5: at(5), at10: at(10) }
}

/** The mean of all six, which moves less by chance than any of them. */
export const meanRecall = ({ textToImage, imageToText }: BothRecalls): number =>
  [textToImage, imageToText].reduce((sum, { at1, at5, at10 }) => sum + at1 + at5 + at10, 0) / 6

/** The recall of a model, given by the very files that would be served. A fold without images has recall 0. */
export async function developmentRecall(
  fold: DevelopmentFold,
  files: { readonly imageHead: Uint8Array; readonly textModel: Uint8Array },
  textShape: TextShape,
  threads: number,
): Promise<BothRecalls> {
  if (fold.captions.length === 0) return { textToImage: recallOf([]), imageToText: recallOf([]) }
  const imageHead = await openOnnxSession(files.imageHead, { threads })
  const textModel = await openOnnxSession(files.textModel, { threads })
  const similarity = await openOnnxSession(similarityFile(), { threads })
  const shape = [fold.images, fold.features.length / fold.images]
  const { image_embeds } = await imageHead.run({ features: { data: fold.features, shape } }, ['image_embeds'])
  const similarities = new Float32Array(fold.captions.length * fold.images)
  for (let from = 0; from < fold.captions.length; from += CHUNK) {
    const chunk = fold.captions.slice(from, from + CHUNK)
    const { text_embeds } = await textModel.run(textInputs(chunk, textShape), ['text_embeds'])
    const scores = await similarity.run({ texts: text_embeds, images: image_embeds }, ['similarity'])
    similarities.set(scores.similarity.data, from * fold.images)
  }
  await Promise.all([imageHead, textModel, similarity].map((session) => session.close()))
  const imageRanks = fold.captions.map(({ image }, row) =>
    rankOf(similarities.subarray(row * fold.images, (row + 1) * fold.images), image),
  )
  return { textToImage: recallOf(imageRanks), imageToText: recallOf(captionRanks(fold, similarities)) }
}

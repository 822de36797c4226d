import type { Catalogue } from '../catalogue/catalogue.ts'
import { normaliseCaption } from '../core/caption.ts'
import { AppError } from '../core/errors.ts'
import { normalise } from '../core/vector.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import type { SearchInput, SearchRequest } from './search-types.ts'
import type { Served } from './serving.ts'

/**
 * How far a query moves away from what is not wanted. Chosen on the development fold of Flickr8k (`bench/negative-text.ts`): among the ten best, half as many
 * pictures show what is not wanted, and hardly fewer what is; beyond it those become fewer, too.
 */
const NOT_WEIGHT = 0.5

/** The query as captions are seen: 1 to 2,000 characters after normalisation. Throws `invalid-request`. */
export function normaliseQuery(text: string): string {
  try {
    return normaliseCaption(text)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new AppError(
      'invalid-request',
      error.message.replace('The caption', 'The query').replace(/; supply.*/, '.'),
      {
        cause: error,
      },
    )
  }
}

/** Unit vectors of normalised texts, in order. */
export type TextEncoding = (texts: readonly string[]) => Promise<readonly Float32Array[]>

type Sources = {
  readonly served: Served
  readonly encodeTexts: TextEncoding
  readonly index: VectorIndex
  readonly catalogue: Catalogue
}

/**
 * What is searched for as the release that is held sees it, of unit length: of a text with a picture their weighted mean, and away from what is not
 * wanted (subtraction of vectors, as in Mikolov and others, "Linguistic regularities in continuous space word representations", 2013). Throws
 * `invalid-request`, `invalid-vector`, `image-not-found`, `not-ready`, or the picture's `image-…`.
 */
export async function queryVector(
  { input, not }: Pick<SearchRequest, 'input' | 'not'>,
  sources: Sources,
): Promise<Float32Array> {
  const unwanted = not === undefined ? null : normaliseQuery(not)
  const wanted = await inputVector(input, sources)
  if (unwanted === null) return wanted
  return blend(wanted, 1, only(await sources.encodeTexts([unwanted])), -NOT_WEIGHT)
}

async function inputVector(input: SearchInput, sources: Sources): Promise<Float32Array> {
  const { served, encodeTexts, index, catalogue } = sources
  const { encoder, generation } = served
  switch (input.kind) {
    case 'text':
      return only(await encodeTexts([normaliseQuery(input.text)]))
    case 'picture':
      return only(await encoder.encodeImages([{ imageId: null, bytes: async () => input.bytes }]))
    case 'embedding':
      return checkedEmbedding(input.embedding, encoder.dimension)
    case 'both': {
      const text = await inputVector({ kind: 'text', text: input.text }, sources)
      return blend(text, input.textWeight, await inputVector(input.picture, sources), 1 - input.textWeight)
    }
    case 'image': {
      if (catalogue.image(input.imageId) === null) {
        throw new AppError('image-not-found', `There is no picture ${input.imageId}; it may have been erased.`)
      }
      const [point] = await index.points(generation, 'images', [input.imageId])
      if (point === undefined) {
        throw new AppError('not-ready', `The picture ${input.imageId} is not embedded yet; try again in a moment.`)
      }
      return point.vector
    }
  }
}

const blend = (a: Float32Array, weight: number, b: Float32Array, other: number): Float32Array =>
  normalise(a.map((value, i) => weight * value + other * (b[i] ?? 0)))

function only(vectors: readonly Float32Array[]): Float32Array {
  const [vector] = vectors
  if (vector === undefined) throw new AppError('internal', 'The encoder gave no vector for its one input.')
  return vector
}

function checkedEmbedding(embedding: readonly number[], dimension: number): Float32Array {
  if (embedding.length !== dimension) {
    throw new AppError(
      'invalid-vector',
      `The embedding has ${embedding.length} numbers; the model that is served has ${dimension}. Encode with /encode_text or /encode_image.`,
    )
  }
  const vector = normalise(Float32Array.from(embedding))
  if (!vector.every(Number.isFinite) || vector.every((value) => value === 0)) {
    throw new AppError('invalid-vector', 'The embedding must hold finite 32-bit numbers that are not all zero.')
  }
  return vector
}

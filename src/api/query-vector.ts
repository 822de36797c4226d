import type { Catalogue } from '../catalogue/catalogue.ts'
import { normaliseCaption } from '../core/caption.ts'
import { AppError } from '../core/errors.ts'
import { normalise } from '../core/vector.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import type { SearchInput } from './search-types.ts'
import type { Served } from './serving.ts'

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

/**
 * What is searched for as the release that is held sees it, of unit length. Throws `invalid-request`, `invalid-vector`, `image-not-found`,
 * `not-ready`, or the picture's `image-…`.
 */
export async function queryVector(
  input: SearchInput,
  { encoder, generation }: Served,
  index: VectorIndex,
  catalogue: Catalogue,
): Promise<Float32Array> {
  switch (input.kind) {
    case 'text':
      return only(await encoder.encodeTexts([normaliseQuery(input.text)]))
    case 'picture':
      return only(await encoder.encodeImages([{ imageId: null, bytes: async () => input.bytes }]))
    case 'embedding':
      return checkedEmbedding(input.embedding, encoder.dimension)
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

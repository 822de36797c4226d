import type { Catalogue } from '../catalogue/catalogue.ts'
import { normaliseCaption } from '../core/caption.ts'
import { withDeadline } from '../core/deadline.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { normalise } from '../core/vector.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import { candidateOf, joinLive, livePage, picturesOf, type Candidate, type LiveHit } from './live-hits.ts'
import {
  imageAddress,
  type SearchHit,
  type SearchInput,
  type SearchRequest,
  type SearchResult,
} from './search-types.ts'
import type { Served, Serving } from './serving.ts'

export interface SearchService {
  /** Throws `no-model` (mode `vector`), `invalid-request`, `invalid-vector`, `image-not-found`, `not-ready`, or the picture's `image-…`. */
  search(request: SearchRequest): Promise<SearchResult>
}

interface SearchMetrics {
  searched(search: { mode: string; target: string; input: string; seconds: number }): void
}

/** How long an index may take for words, in milliseconds, before they are looked up in the catalogue: one that hangs is as good as away. */
const WORDS_PATIENCE = 2_000

const tooLate = (): AppError => new AppError('index-unavailable', 'The index did not answer in time.')

type Release = { readonly modelVersion: string; readonly generation: string } | null

export function createSearchService(deps: {
  serving: Serving
  index: VectorIndex
  catalogue: Catalogue
  metrics?: SearchMetrics
}): SearchService {
  const { serving, index, catalogue } = deps

  const vectorHits = async (request: SearchRequest, served: Served): Promise<LiveHit[]> => {
    const { input, target, filter } = request
    const vector = await queryVector(input, served, index, catalogue)
    const own = input.kind === 'image' && target === 'images' ? input.imageId : null
    return livePage(
      request,
      async (limit) =>
        (await index.search(served.generation, target, { vector, limit, filter })).map((hit) =>
          candidateOf(target, hit),
        ),
      (candidates) => joinLive(catalogue, candidates, filter).filter((hit) => hit.image.imageId !== own),
    )
  }

  /** Words are searched in the index of the release; where there is none, or the index is away, in the catalogue. */
  const textHits = async (request: SearchRequest, served: Served | null): Promise<LiveHit[]> => {
    const { input, target, filter } = request
    if (input.kind !== 'text') {
      throw new AppError('invalid-request', 'Full text compares words: search by text, or leave the mode at "vector".')
    }
    const words = normaliseQuery(input.text)
    const live = (fetch: (limit: number) => Promise<readonly Candidate[]>): Promise<LiveHit[]> =>
      livePage(request, fetch, (found) => {
        const captions = joinLive(catalogue, found, filter)
        return target === 'images' ? picturesOf(captions) : captions
      })
    const fromCatalogue = () => live(async (limit) => catalogue.searchText(words, limit, 0, filter))
    if (served === null) return fromCatalogue()
    try {
      return await live(async (limit) =>
        (
          await withDeadline(index.searchWords(served.generation, { words, limit, filter }), WORDS_PATIENCE, tooLate)
        ).map((hit) => candidateOf('captions', hit)),
      )
    } catch (error) {
      if (toAppError(error).code !== 'index-unavailable') throw error
      return fromCatalogue()
    }
  }

  const searchText = async (request: SearchRequest, startedAt: number): Promise<SearchResult> =>
    serving.current() === null
      ? answer(await textHits(request, null), null, startedAt)
      : serving.hold(async (served) => answer(await textHits(request, served), served, startedAt))

  const answer = (hits: readonly LiveHit[], release: Release, startedAt: number): SearchResult => ({
    hits: hits.map((hit) => searchHit(hit, release)),
    modelVersion: release?.modelVersion ?? null,
    generation: release?.generation ?? null,
    tookMs: performance.now() - startedAt,
  })

  return {
    async search(request) {
      const startedAt = performance.now()
      const result =
        request.mode === 'text'
          ? await searchText(request, startedAt)
          : await serving.hold(async (served) => answer(await vectorHits(request, served), served, startedAt))
      const { mode, target, input } = request
      deps.metrics?.searched({ mode, target, input: input.kind, seconds: result.tookMs / 1_000 })
      return result
    },
  }
}

function searchHit({ score, image, pairId, caption }: LiveHit, release: Release): SearchHit {
  const { imageId, captions, split, metadata } = image
  return {
    score,
    imageId,
    image: imageAddress(imageId),
    captions,
    pairId,
    caption,
    split,
    metadata,
    modelVersion: release?.modelVersion ?? null,
    generation: release?.generation ?? null,
  }
}

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

async function queryVector(
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

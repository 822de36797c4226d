import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Catalogue, LivePair } from '../../catalogue/catalogue.ts'
import { RANKED } from '../../core/relevance.ts'
import { requireGoing } from '../../core/stop.ts'
import type { Encoder } from '../../ports/encoder.ts'
import type { VectorIndex } from '../../ports/vector-index.ts'
import { encodeCaptions, type Judgement } from '../held-out.ts'
import { isTakenOut } from './calibrate.ts'
import type { RankedQuery } from './fit-relevance.ts'

/** Captions that are asked at most: enough for the figures to be sure, few enough to take seconds. */
const QUERIES = 2_000
const BATCH = 64
/** Hits that are fetched beyond those that count, since right ones may have to be left out. */
const SPARE = 150

export type RankingSources = {
  readonly catalogue: Catalogue
  readonly index: VectorIndex
  readonly judgement: Judgement
}

/** Captions of all images in turn, so that each image has about as many. */
function sample(captions: readonly LivePair[]): LivePair[] {
  const every = Math.max(1, captions.length / QUERIES)
  const byImage = captions.toSorted((a, b) => (a.imageId < b.imageId ? -1 : a.imageId > b.imageId ? 1 : 0))
  return Array.from({ length: Math.min(QUERIES, captions.length) }, (_, i) => byImage[Math.floor(i * every)]).filter(
    (pair) => pair !== undefined,
  )
}

/**
 * What the captions of the validation images find in a generation, through the index and among all images, as searches do. Right is what satisfies the caption,
 * and what is a near-duplicate of its picture; for half of the images that is left out, as if it were not in the gallery. Throws `not-ready` soon after `signal` is raised.
 */
export async function rankedQueries(
  { catalogue, index, judgement }: RankingSources,
  generation: string,
  encoder: Encoder,
  signal?: AbortSignal,
): Promise<RankedQuery[]> {
  const captions = sample(catalogue.livePairsOf('validation'))
  const queries: RankedQuery[] = []
  for (let from = 0; from < captions.length; from += BATCH) {
    const batch = captions.slice(from, from + BATCH)
    const vectors = await encodeCaptions(encoder, batch, signal)
    for (const [i, pair] of batch.entries()) {
      await nextTurn() // an embedded index does not give way by itself
      requireGoing(signal)
      const vector = vectors[i]
      if (vector === undefined) continue
      const isAnswerable = !isTakenOut(pair.imageId)
      const limit = isAnswerable ? RANKED : RANKED + SPARE
      const found = await index.search(generation, 'images', { vector, limit })
      const ids = found.map(({ id }) => id)
      const right = new Set([...(judgement(pair, ids) ?? [pair.imageId]), ...catalogue.imagesLike(pair.splitKey)])
      const hits = found.map(({ id, score }) => ({ score, isRight: right.has(id) }))
      const kept = isAnswerable ? hits : hits.filter(({ isRight }) => !isRight)
      queries.push({ imageId: pair.imageId, isAnswerable, hits: kept.slice(0, RANKED) })
    }
  }
  return queries
}

import { normaliseCaption } from '../../src/core/caption.ts'
import { rankDocuments } from '../../src/evaluation/top-results.ts'
import type { CandidateList } from '../../src/reranking/evaluate-reranking.ts'
import type { FirstStage } from '../../src/reranking/draw-negatives.ts'
import type { LabelledPair } from '../../src/reranking/labelled-pair.ts'
import type { FlickrImage } from './flickr8k-features.ts'
import type { FlickrSentences } from './flickr8k-sentences.ts'

/** How many captions the first stage finds. */
export const CANDIDATES = 50
/** What it looks through beyond these, for captions that read as the query does. */
const SPARE = 30

type Caption = {
  readonly id: string
  readonly image: string
  /** Its place among the image's captions. */
  readonly index: number
  readonly text: string
  readonly vector: Float32Array
}

const captionsOf = (images: readonly FlickrImage[], sentences: FlickrSentences): Caption[] =>
  images.flatMap(({ name, captions, row }) =>
    captions.map((caption, index) => ({
      id: `${name}#${index}`,
      image: name,
      index,
      text: normaliseCaption(caption),
      vector: sentences.of(row, index),
    })),
  )

const sameText = (a: Caption, b: Caption): boolean => a.text.toLowerCase() === b.text.toLowerCase()

type Found = { readonly query: Caption; readonly candidates: readonly Caption[] }

/** For each query the captions nearest to it by the sentence encoder's cosine, without itself and those that read the same. */
function* firstStageOf(queries: readonly Caption[], all: readonly Caption[]): Generator<Found> {
  const byId = new Map(all.map((caption) => [caption.id, caption]))
  for (const { queryId, results } of rankDocuments(queries, all, CANDIDATES + SPARE)) {
    const query = byId.get(queryId)
    if (query === undefined) continue
    const others = results.flatMap(({ id }) => byId.get(id) ?? []).filter((caption) => !sameText(caption, query))
    yield { query, candidates: others.slice(0, CANDIDATES) }
  }
}

/** The first caption of each image as a query, its nearest captions among all of these images, and those of its image as relevant. */
export function candidateLists(images: readonly FlickrImage[], sentences: FlickrSentences): CandidateList[] {
  const all = captionsOf(images, sentences)
  const queries = all.filter(({ index }) => index === 0)
  return [...firstStageOf(queries, all)].map(({ query, candidates }) => {
    const others = all.filter((caption) => caption.image === query.image && !sameText(caption, query))
    return { query: query.text, imageId: query.image, candidates, relevant: new Set(others.map(({ id }) => id)) }
  })
}

type TrainingMaterial = { readonly positives: readonly LabelledPair[]; readonly firstStage: FirstStage }

/**
 * The first captions of each image as queries, each of its other captions as relevant, an image's pairs a second after those of the one
 * before. The first stage looks for a query among as many images as the evaluation does (`poolSize`), so that its negatives are as near.
 */
export function trainingMaterial(
  images: readonly FlickrImage[],
  sentences: FlickrSentences,
  { queriesAnImage, poolSize }: { readonly queriesAnImage: number; readonly poolSize: number },
): TrainingMaterial {
  const wrong = new Map<string, readonly string[]>()
  const positives: LabelledPair[] = []
  const place = new Map(images.map(({ name }, index) => [name, index]))
  for (let from = 0; from < images.length; from += poolSize) {
    const pool = captionsOf(images.slice(from, from + poolSize), sentences)
    const queries = pool.filter(({ index }) => index < queriesAnImage)
    for (const { query, candidates } of firstStageOf(queries, pool)) {
      wrong.set(query.text, candidates.filter(({ image }) => image !== query.image).map(({ text }) => text)) // prettier-ignore
    }
    const ofImage = new Map<string, Caption[]>()
    for (const caption of pool) ofImage.set(caption.image, [...(ofImage.get(caption.image) ?? []), caption])
    for (const query of queries) {
      const createdAt = 1000 * (place.get(query.image) ?? 0)
      for (const document of ofImage.get(query.image) ?? []) {
        if (sameText(document, query)) continue
        positives.push({ query: query.text, document: document.text, relevance: 1, source: 'captions', createdAt })
      }
    }
  }
  return { positives, firstStage: (query) => wrong.get(query) ?? [] }
}

import { AppError } from '../core/errors.ts'
import type { Direction, Evaluation } from './evaluate-retrieval.ts'
import { measureLabels, type MeasureName } from './measures.ts'
import type { PairedImage, PairedScores } from './paired-scores.ts'

type Comparison = {
  /** Default `textToImage`: what a person who types a query sees. */
  readonly direction?: Direction
  /** Default `ndcg_10`. */
  readonly measure?: MeasureName
}

const directionLabels = { textToImage: 'text to image', imageToText: 'image to text' } as const

/**
 * Two models' evaluations as scores paired by image, for the gate. Throws `internal` unless both were evaluated on the same
 * queries: a query that only one of them answered would make the difference one of queries, not of models.
 */
export function pairScores(champion: Evaluation, challenger: Evaluation, comparison: Comparison = {}): PairedScores {
  const { direction = 'textToImage', measure = 'ndcg_10' } = comparison
  const others = new Map(challenger[direction].perQuery.map((query) => [query.queryId, query]))
  const images = new Map<string, { queries: number; champion: number; challenger: number }>()
  for (const query of champion[direction].perQuery) {
    const other = others.get(query.queryId)
    if (other?.imageId !== query.imageId) throw differentQueries()
    const sums = images.get(query.imageId) ?? { queries: 0, champion: 0, challenger: 0 }
    sums.queries += 1
    sums.champion += query.measures[measure]
    sums.challenger += other.measures[measure]
    images.set(query.imageId, sums)
  }
  if (others.size !== champion[direction].perQuery.length) throw differentQueries()
  return {
    label: `${measureLabels[measure]}, ${directionLabels[direction]}`,
    images: [...images].map(([imageId, sums]): PairedImage => ({
      imageId,
      queries: sums.queries,
      champion: sums.champion / sums.queries,
      challenger: sums.challenger / sums.queries,
    })),
  }
}

const differentQueries = (): AppError =>
  new AppError(
    'internal',
    'The two models were evaluated on different queries; evaluate both on the same held-out captions.',
  )

import { relevanceIn, type Calibration, type RelevanceModel, type RelevanceReport } from '../../core/relevance.ts'
import { hashShare } from '../../core/split.ts'
import { auroc, calibrationError, reliabilityBins, type Said } from './calibration-measures.ts'
import { fitRelevance, PAGE, scoresOf, type RankedQuery } from './fit-relevance.ts'

/** Fewer held-out images say too little of either half. */
export const LEAST_IMAGES = 40
/** Of the queries that have an answer, at most this share may be said to match nothing. */
const WRONGLY_EMPTY = 0.05
/** The one-sided 95 % quantile of the normal distribution. */
const QUANTILE = 1.645

/** The half of the held-out images that a model is fitted on; the other half is what it is reported on. */
export const isFittedOn = (imageId: string): boolean => hashShare('relevance', imageId) < 0.5
/** The half of either half for whose queries their answers are taken out of the gallery. */
export const isTakenOut = (imageId: string): boolean => hashShare('relevance-answer', imageId) < 0.5

type Assessed = { readonly query: RankedQuery; readonly said: readonly Said[] }

function assess(model: RelevanceModel, queries: readonly RankedQuery[]): Assessed[] {
  return queries.map((query) => {
    const relevance = relevanceIn(model, scoresOf(query))
    return { query, said: query.hits.slice(0, PAGE).map(({ score, isRight }) => ({ p: relevance(score), isRight })) }
  })
}

const bestOf = ({ said }: Assessed): number => said[0]?.p ?? 0

/**
 * The relevance below which a best hit is called no match: so low that of the queries with an answer at most 5 % fall below it, by the one-sided 95 % bound over
 * images. 0, which nothing is below, where there are too few to say.
 */
function thresholdOf(assessed: readonly Assessed[]): number {
  const answerable = assessed.filter(({ query }) => query.isAnswerable)
  const images = new Set(answerable.map(({ query }) => query.imageId)).size
  const share = WRONGLY_EMPTY - QUANTILE * Math.sqrt((WRONGLY_EMPTY * (1 - WRONGLY_EMPTY)) / Math.max(1, images))
  if (share <= 0) return 0
  const best = answerable.map(bestOf).sort((a, b) => a - b)
  return best[Math.floor(share * best.length)] ?? 0
}

const shareOf = <T>(items: readonly T[], holds: (item: T) => boolean): number =>
  items.length === 0 ? 0 : items.filter(holds).length / items.length

function reportOf(assessed: readonly Assessed[], threshold: number): RelevanceReport {
  const pages = assessed.flatMap(({ said }) => said)
  const bests = assessed.flatMap(({ said }) => said.slice(0, 1))
  const bins = reliabilityBins(pages)
  const isEmpty = (one: Assessed): boolean => bestOf(one) < threshold
  return {
    queries: assessed.length,
    images: new Set(assessed.map(({ query }) => query.imageId)).size,
    calibrationError: calibrationError(bins),
    calibrationErrorOfBest: calibrationError(reliabilityBins(bests)),
    auroc: auroc(pages),
    aurocOfBest: auroc(bests),
    wronglyEmpty: shareOf(
      assessed.filter(({ query }) => query.isAnswerable),
      isEmpty,
    ),
    rightlyEmpty: shareOf(
      assessed.filter(({ query }) => !query.isAnswerable),
      isEmpty,
    ),
    bins,
  }
}

/**
 * A relevance model fitted on the queries of one half of the images, with its threshold, and a report of both on the other half. Null where there are too few
 * images, or no right hit to learn from.
 */
export function calibrate(queries: readonly RankedQuery[]): Pick<Calibration, 'model' | 'threshold' | 'report'> | null {
  const found = queries.filter(({ hits }) => hits.length > 0)
  if (new Set(found.map(({ imageId }) => imageId)).size < LEAST_IMAGES) return null
  const fitted = found.filter(({ imageId }) => isFittedOn(imageId))
  const model = fitRelevance(fitted)
  if (model === null) return null
  const threshold = thresholdOf(assess(model, fitted))
  const reported = found.filter(({ imageId }) => !isFittedOn(imageId))
  return { model, threshold, report: reportOf(assess(model, reported), threshold) }
}

import type { DirectionEvaluation, Evaluation } from '../evaluation/evaluate-retrieval.ts'
import type { BrokenPicture } from './encode-pictures.ts'
import type { EvaluationSet } from './evaluation-set.ts'
import { percentage } from './figures.ts'
import { formatTable } from './table.ts'

type DirectionReport = ReturnType<typeof directionReport>

/** What `pairstream evaluate` writes: shares from 0 to 1, ranks from 1. */
export type EvaluationReport = {
  readonly model: string
  readonly dataset: string
  readonly split: string
  readonly images: number
  readonly captions: number
  readonly textToImage: DirectionReport
  readonly imageToText: DirectionReport
  readonly skipped: EvaluationSet['skipped']
}

function directionReport({ queries, unjudged, documents, means, medianRank }: DirectionEvaluation) {
  return {
    queries,
    unjudged,
    documents,
    recallAt1: means.success_1,
    recallAt5: means.success_5,
    recallAt10: means.success_10,
    mrr: means.reciprocal_rank,
    map: means.average_precision,
    ndcgAt10: means.ndcg_10,
    medianRank,
    /** All means, by trec_eval's names. */
    measures: means,
  }
}

export function evaluationReport(evaluated: {
  readonly modelVersion: string
  readonly set: EvaluationSet
  readonly broken: readonly BrokenPicture[]
  readonly evaluation: Evaluation
}): EvaluationReport {
  const { modelVersion, set, broken, evaluation } = evaluated
  const { textToImage, imageToText } = evaluation
  return {
    model: modelVersion,
    dataset: set.describe,
    split: set.split,
    images: textToImage.documents,
    captions: imageToText.documents,
    textToImage: directionReport(textToImage),
    imageToText: directionReport(imageToText),
    skipped: [...set.skipped, ...broken],
  }
}

/** A line a direction. */
export function evaluationTable({ textToImage, imageToText }: EvaluationReport): string {
  const row = (name: string, report: DirectionReport) => [
    name,
    percentage(report.recallAt1),
    percentage(report.recallAt5),
    percentage(report.recallAt10),
    report.mrr.toFixed(4),
    report.map.toFixed(4),
    report.ndcgAt10.toFixed(4),
    report.medianRank,
  ]
  const figures = ['Recall@1', 'Recall@5', 'Recall@10', 'MRR', 'MAP', 'NDCG@10', 'median rank']
  const columns = ['direction', ...figures.map((title) => ({ title, align: 'right' as const }))]
  return formatTable(columns, [row('text to picture', textToImage), row('picture to text', imageToText)])
}

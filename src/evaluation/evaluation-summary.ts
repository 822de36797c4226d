import { directions, type Evaluation } from './evaluate-retrieval.ts'
import { measureNames } from './measures.ts'

const prefixes = { textToImage: 'text_to_image', imageToText: 'image_to_text' } as const

/**
 * The means of both directions under flat names, for tracking and for the `models.trained` record:
 * `text_to_image_success_10`, `image_to_text_median_rank`, …. A median that does not exist is left out.
 */
export function summariseEvaluation(evaluation: Evaluation): Record<string, number> {
  const summary: Record<string, number> = {}
  for (const direction of directions) {
    const { means, medianRank, queries } = evaluation[direction]
    for (const name of measureNames) summary[`${prefixes[direction]}_${name}`] = means[name]
    if (medianRank !== null) summary[`${prefixes[direction]}_median_rank`] = medianRank
    summary[`${prefixes[direction]}_queries`] = queries
  }
  return summary
}

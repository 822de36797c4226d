import type { RerankerJudged } from '../core/events.ts'
import type { Tracking } from '../ports/tracking.ts'
import { comparedMeasures } from './evaluate-reranking.ts'
import type { RerankerOutcome } from './reranker-job.ts'

export const RERANKER_EXPERIMENT = 'rerankers'

/**
 * The run of one training, for people to look at: its epochs, and at the last one what it was judged by. It decides nothing, and saying it
 * again changes nothing. Throws as the tracking store does.
 */
export async function trackReranker(
  tracking: Tracking,
  { modelVersion, champion, outcome, judgements, judgedAt }: RerankerJudged,
  { history, examples, evaluation }: RerankerOutcome,
  startedAt: number,
): Promise<void> {
  const parameters = { champion: champion ?? 'none', outcome, judgements, examples: String(examples) }
  await tracking.startRun({ runId: modelVersion, experiment: RERANKER_EXPERIMENT, name: modelVersion, parameters, startedAt }) // prettier-ignore
  for (const { epoch, loss, ndcg_10 } of history) {
    await tracking.logMetrics(modelVersion, epoch, { loss, development_ndcg_10: ndcg_10 }, judgedAt)
  }
  const judged = comparedMeasures.flatMap((name) => [
    [name, evaluation.challenger[name]] as const,
    [`unranked_${name}`, evaluation.unranked[name]] as const,
  ])
  await tracking.logMetrics(modelVersion, history.length, Object.fromEntries(judged), judgedAt)
  await tracking.endRun(modelVersion, 'finished', judgedAt)
}

import type { Judgement } from '../core/events.ts'
import type { InteractionEpoch } from './interaction-checkpoint.ts'
import { evaluateReranking, type CandidateList, type RerankingEvaluation } from './evaluate-reranking.ts'
import { candidateLists } from './first-stage.ts'
import { openReranker } from './open-reranker.ts'
import { openTextStates, type TextStates } from './text-states.ts'
import { defaultInteraction, type InteractionHyperparameters, type InteractionProgress } from './train-interaction.ts'
import { documentsOf, trainReranker } from './train-reranker.ts'

/** A reranker to be trained and judged. */
export type RerankerJob = {
  /** Where token states and the checkpoint lie meanwhile. */
  readonly jobFolder: string
  /** Where the model folder is written. */
  readonly outputFolder: string
  readonly modelVersion: string
  /** A sentence encoder as published, which stays as it is. */
  readonly encoderFolder: string
  /** The reranker that is used now; null: none. */
  readonly championFolder: string | null
  /** Clean judgements to learn from, and others, of which the training knows nothing, to judge by. */
  readonly learned: readonly Judgement[]
  readonly judged: readonly Judgement[]
  /** Default: those of `defaultInteraction`. */
  readonly hyperparameters?: InteractionHyperparameters
  /** Ids of a text that are compared. Default 32. */
  readonly maxTokens?: number
  readonly seed: number
  readonly threads: number
}

export type RerankerProgress =
  | { readonly stage: 'reading'; readonly done: number; readonly of: number }
  | ({ readonly stage: 'training' } & InteractionProgress)
  | { readonly stage: 'judging'; readonly lists: number }

export type RerankerOutcome = {
  readonly history: readonly InteractionEpoch[]
  /** How many examples it learned from, positive or not. */
  readonly examples: number
  readonly evaluation: RerankingEvaluation
}

/** Lists that are judged at most; of more a sample is. */
const MOST_LISTS = 5_000

/**
 * Reads all texts, once, trains a reranker, writes it to the output folder, and compares it on the judged queries with the order that the
 * sentence encoder gives and with the champion. All rank by the very code that serves. Throws `training-failed` where there are too few
 * judgements, `model-invalid` or `model-corrupt` for a folder that is no model, and the signal's reason.
 */
export async function runRerankerJob(
  job: RerankerJob,
  report: (progress: RerankerProgress) => void = () => undefined,
  signal?: AbortSignal,
): Promise<RerankerOutcome> {
  const { learned, judged, threads, encoderFolder, maxTokens = 32, hyperparameters = defaultInteraction } = job
  const texts = await openTextStates(
    job.jobFolder,
    [...learned, ...judged].flatMap(({ query, document }) => [query, document]),
    { encoderFolder, threads, maxTokens, onText: (done, of) => report({ stage: 'reading', done, of }), signal },
  )
  try {
    const training = { ...job, judgements: learned, competing: documentsOf(judged), hyperparameters }
    const onProgress = (progress: InteractionProgress): void => report({ stage: 'training', ...progress })
    const { history, examples } = await trainReranker(training, texts, onProgress, signal)
    const lists = candidateLists(judged, texts.vectorOf, MOST_LISTS)
    report({ stage: 'judging', lists: lists.length })
    return { history, examples, evaluation: await judge(job, lists, texts) }
  } finally {
    await texts.close()
  }
}

async function judge(
  { outputFolder, championFolder, threads }: RerankerJob,
  lists: readonly CandidateList[],
  known: TextStates,
): Promise<RerankingEvaluation> {
  const challenger = await openReranker(outputFolder, { threads, known })
  try {
    const champion = championFolder === null ? null : await openReranker(championFolder, { threads, known })
    try {
      return await evaluateReranking(lists, challenger.rank, champion?.rank)
    } finally {
      await champion?.close()
    }
  } finally {
    await challenger.close()
  }
}

import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { AppError } from '../core/errors.ts'
import type { Judgement, RerankerJudged } from '../core/events.ts'
import { sha256Hex } from '../core/ids.ts'
import { unlessStopped } from '../core/stop.ts'
import type { ModelStore } from '../models/model-store.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { Tracking } from '../ports/tracking.ts'
import { lockFolder } from '../sqlite/folder-lock.ts'
import { decideReranker } from './decide-reranker.ts'
import { digestOf } from './digest.ts'
import { readJudgements } from './judgement-log.ts'
import { cleanJudgements, splitByTime } from './judgements.ts'
import type { RerankerOutcome, RerankerProgress } from './reranker-job.ts'
import { rerankInProcess } from './run-in-process.ts'
import { trackReranker } from './track-reranker.ts'

export type RetrainingDependencies = {
  readonly log: EventLog
  readonly catalogue: Pick<Catalogue, 'caughtUp' | 'promotedReranker' | 'rerankers'>
  readonly models: Pick<ModelStore, 'open' | 'save'>
  readonly tracking: Tracking
  readonly encoder: { readonly id: string; readonly folder: string }
  /** Where trainings lie while they run. */
  readonly folder: string
  readonly seed: number
  readonly threads: number
  readonly clock: () => number
  readonly onJudgements?: (facts: JudgementFacts) => void
  readonly onProgress?: (progress: RerankerProgress) => void
  /** Told where the run could not be shown; nothing hangs on it. */
  readonly onUntracked?: (error: unknown) => void
}

export type JudgementFacts = {
  readonly learned: number
  readonly judged: number
  readonly duplicates: number
  /** Records that could not be read, and texts that are too short or too long. */
  readonly unusable: number
}

/** How a retraining ended; `isNew` is false where these judgements were answered before. */
export type Retraining = { readonly record: RerankerJudged; readonly isNew: boolean }

/** Raised where the same judgements make another reranker, so that what was answered before is trained anew. */
const TRAINER = 1

/**
 * Trains a reranker on the judgements in the log, judges it on the latest of them, and says in `rerankers` what became of it; a promoted one
 * is in the model store by then. The version is a function of judgements, encoder, seed and champion: what was answered once is not trained
 * again. Throws `training-failed` where there are too few judgements, `data-folder-locked` where another process trains here,
 * `release-refused` where another was promoted meanwhile, what the log and the blob store throw, and `not-ready` where `signal` is raised;
 * running it again then goes on.
 */
export async function retrainReranker(deps: RetrainingDependencies, signal?: AbortSignal): Promise<Retraining> {
  const { log, catalogue, encoder, folder, seed } = deps
  await catalogue.caughtUp(log, signal)
  const { learned, judged } = await judgementsOf(deps, signal)
  const champion = catalogue.promotedReranker()
  const judgements = digestOf([TRAINER, encoder.id, seed, ...learned, 'judged', ...judged])
  const isAnswer = (record: RerankerJudged): boolean =>
    record.judgements === judgements && record.champion === (champion?.modelVersion ?? null)
  const answered = champion?.judgements === judgements ? champion : catalogue.rerankers().findLast(isAnswer)
  if (answered != null) return { record: answered, isNew: false }

  const modelVersion = `r-${sha256Hex(JSON.stringify([judgements, champion?.modelVersion ?? null])).slice(0, 10)}`
  const jobFolder = join(folder, modelVersion)
  await mkdir(jobFolder, { recursive: true })
  const lock = lockFolder(join(folder, 'lock.db'))
  try {
    await removeOthers(folder, modelVersion)
    const startedAt = deps.clock()
    const outcome = await train(deps, { modelVersion, jobFolder, champion, learned, judged }, signal)
    const challengers = catalogue.rerankers().filter((known) => known.champion === (champion?.modelVersion ?? null))
    const looks = challengers.length + 1
    const record = await announce(deps, { modelVersion, jobFolder, champion, judgements, looks }, outcome)
    await rm(jobFolder, { recursive: true, force: true })
    await trackReranker(deps.tracking, record, outcome, startedAt).catch(deps.onUntracked)
    await catalogue.caughtUp(log, signal)
    // Whoever reads the log takes the first of two that were judged against one champion.
    if (record.outcome === 'promoted' && catalogue.promotedReranker()?.modelVersion !== modelVersion) {
      throw new AppError('release-refused', 'Another reranker was promoted in the meantime; train again.')
    }
    return { record, isNew: true }
  } finally {
    lock.release()
  }
}

/** Trainings that were stopped and will not be taken up, as something else was judged since: they hold what people typed. */
async function removeOthers(folder: string, modelVersion: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true })
  for (const entry of entries) {
    if (entry.isDirectory() && entry.name !== modelVersion) await rm(join(folder, entry.name), { recursive: true })
  }
}

async function judgementsOf({ log, onJudgements }: RetrainingDependencies, signal: AbortSignal | undefined) {
  const known = await unlessStopped(readJudgements(log, signal), signal)
  const clean = cleanJudgements(known.judgements)
  const { earlier: learned, later: judged } = splitByTime(clean.judgements)
  const unusable = clean.unusable + known.unreadable
  onJudgements?.({ learned: learned.length, judged: judged.length, duplicates: clean.duplicates, unusable })
  if (learned.length > 0 && judged.length > 0) return { learned, judged }
  const detail = `There are ${clean.judgements.length} usable judgements, too few to learn from and to judge by; publish more with 'pairstream judgements publish'.`
  throw new AppError('training-failed', detail)
}

type Challenge = {
  readonly modelVersion: string
  readonly jobFolder: string
  readonly champion: RerankerJudged | null
}

const outputOf = ({ jobFolder }: Challenge): string => join(jobFolder, 'model')

async function train(
  { models, encoder, seed, threads, onProgress }: RetrainingDependencies,
  challenge: Challenge & { readonly learned: readonly Judgement[]; readonly judged: readonly Judgement[] },
  signal: AbortSignal | undefined,
): Promise<RerankerOutcome> {
  const { modelVersion, jobFolder, champion, learned, judged } = challenge
  const job = {
    jobFolder,
    outputFolder: outputOf(challenge),
    modelVersion,
    encoderFolder: encoder.folder,
    championFolder: champion?.manifest == null ? null : await models.open(champion.manifest),
    learned,
    judged,
    seed,
    threads,
  }
  try {
    return await rerankInProcess(job, (progress) => onProgress?.(progress), signal)
  } catch (error) {
    if (signal?.aborted !== true) throw error
    throw new AppError('not-ready', 'Stopped in the middle; run it again to go on.', { cause: error })
  }
}

/** Stores the model where it was promoted, then says so: who reads the record finds the model. */
async function announce(
  { log, models, encoder, seed, clock }: RetrainingDependencies,
  challenge: Challenge & { readonly judgements: string; readonly looks: number },
  { evaluation, examples, history }: RerankerOutcome,
): Promise<RerankerJudged> {
  const { modelVersion, champion, judgements } = challenge
  const { outcome, reason } = decideReranker(evaluation, challenge.looks)
  const training = { encoder: encoder.id, seed, examples, epochs: history.length }
  const manifest =
    outcome === 'promoted' ? await models.save(outputOf(challenge), { modelVersion, judgements, training }) : null
  const record: RerankerJudged = {
    modelVersion,
    champion: champion?.modelVersion ?? null,
    outcome,
    reason,
    evidence: JSON.stringify({ ...evaluation, training }),
    manifest,
    judgements,
    judgedAt: clock(),
  }
  await log.append([{ topic: 'rerankers', key: modelVersion, value: record }])
  return record
}

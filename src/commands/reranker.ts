import { loadConfig } from '../config.ts'
import { AppError } from '../core/errors.ts'
import type { RerankerJudged } from '../core/events.ts'
import { measureLabels } from '../evaluation/measures.ts'
import { comparedMeasures, FIELD_FIGURES, type RerankingEvaluation } from '../reranking/evaluate-reranking.ts'
import type { RerankerProgress } from '../reranking/reranker-job.ts'
import { retrainReranker, type JudgementFacts, type Retraining } from '../reranking/retrain-reranker.ts'
import type { Services } from '../roles/services.ts'
import { audited } from './audited.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { counted, signed } from './figures.ts'
import { currentUser } from './option-values.ts'
import { createProgress, type Progress, type Stage } from './progress.ts'
import { formatTable, type Cell } from './table.ts'
import { withServices } from './with-services.ts'

export type RerankerOptions = { readonly json?: boolean }

/** Trains a reranker on what was judged, and says what became of it. */
export async function trainReranker({ json }: RerankerOptions, context: CommandContext): Promise<ExitName> {
  const config = loadConfig(context.environment)
  return withServices<ExitName>(context, { access: 'share', needsData: true, config }, async (services) => {
    const { stderr, signal } = context
    const progress = createProgress({ stream: stderr, isTerminal: stderr.isTTY })
    try {
      const deed = {
        action: 'rerankers:train',
        object: ({ record }: Retraining) => record.modelVersion,
        by: currentUser(),
      }
      const { record, isNew } = await audited(services, deed, () => train(services, progress, signal))
      if (json === true) printJson(context, withEvidence(record))
      else {
        print(context, describe(record))
        if (!isNew) remark(context, 'Nothing was judged since; it was not trained again.')
      }
      return 'ok'
    } catch (error) {
      if (!signal.aborted) throw error
      remark(context, 'Stopped before the end; the same command goes on from there.')
      return 'interrupted'
    } finally {
      progress.stop()
    }
  })
}

async function train(services: Services, progress: Progress, signal: AbortSignal): Promise<Retraining> {
  const { config, sentenceFolder } = services
  const encoder = await services.sentenceEncoder()
  if (encoder === null || sentenceFolder === null) {
    const other = config.CLIP_DIR === undefined ? '' : ', and leave out CLIP_DIR for this command'
    const detail = `SENTENCE_ENCODER_DIR: a reranker is trained on a sentence encoder; name its folder${other}.`
    throw new AppError('configuration-invalid', detail)
  }
  return retrainReranker(
    {
      ...services,
      encoder: { id: encoder.id, folder: sentenceFolder },
      folder: config.rerankerFolder,
      seed: config.TRAINING_SEED,
      threads: config.THREADS,
      onJudgements: ({ learned, judged, duplicates, unusable }: JudgementFacts) =>
        progress.say(
          'judgements',
          `${counted(learned, 'judgement')} to learn from, ${judged} to judge by; ${duplicates} said again, ${unusable} unusable`,
        ),
      onProgress: showTraining(progress),
      onUntracked: (error) => services.logger.warn({ err: error }, 'the training of a reranker is not tracked'),
    },
    signal,
  )
}

/** A stage for what the encoder reads, one for the epochs, one for the judging. */
function showTraining(progress: Progress): (at: RerankerProgress) => void {
  let current: { readonly name: string; readonly stage: Stage } | null = null
  const stageOf = (name: string, total: number | null): Stage => {
    if (current?.name === name) return current.stage
    current?.stage.finish('done')
    current = { name, stage: progress.stage(name, total) }
    return current.stage
  }
  return (at) => {
    if (at.stage === 'reading') stageOf('reading', at.of).update(at.done, 'texts')
    else if (at.stage === 'training') {
      stageOf('training', at.steps).update(at.step, `epoch ${at.epoch}, loss ${at.loss.toFixed(3)}`)
    } else stageOf('judging', null).update(0, counted(at.lists, 'list'))
  }
}

/** Lists what was trained, oldest first; the promoted one that is newest is used. */
export function listRerankers({ json }: RerankerOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async ({ catalogue, config }) => {
    const records = catalogue.rerankers()
    const used = catalogue.promotedReranker()?.modelVersion ?? null
    if (json === true) {
      printJson(context, { used: config.RERANKER_DIR ?? used, rerankers: records.map(withEvidence) })
      return 'ok'
    }
    const rows = records.map((record): Cell[] => {
      const { modelVersion, outcome, judgedAt, reason } = record
      return [modelVersion === used ? '*' : '', modelVersion, outcome, new Date(judgedAt).toISOString(), reason]
    })
    if (rows.length === 0) remark(context, "No reranker was trained yet; see 'pairstream reranker train --help'.")
    else print(context, formatTable(['', 'version', 'outcome', 'judged', 'why'], rows))
    if (config.RERANKER_DIR !== undefined) remark(context, 'RERANKER_DIR is set: searches use that one.')
    return 'ok'
  })
}

const withEvidence = (record: RerankerJudged) => ({
  ...record,
  evidence: JSON.parse(record.evidence) as unknown,
  judgedAt: new Date(record.judgedAt).toISOString(),
})

function describe({ modelVersion, reason, evidence }: RerankerJudged): string {
  const { unranked, champion, challenger, overUnranked } = JSON.parse(evidence) as RerankingEvaluation
  const rows = comparedMeasures.map((name): Cell[] => [
    measureLabels[name],
    unranked[name].toFixed(4),
    champion?.[name].toFixed(4) ?? '–',
    challenger[name].toFixed(4),
    signed(overUnranked[name].difference),
    overUnranked[name].pairedTTest.toPrecision(2),
    FIELD_FIGURES[name].toFixed(2),
  ])
  const columns = ['measure', 'no reranking', 'champion', 'this one', 'difference', 'p', 'field'].map((title, index) =>
    index === 0 ? title : { title, align: 'right' as const },
  )
  return `${modelVersion}: ${reason}\n\n${formatTable(columns, rows)}`
}

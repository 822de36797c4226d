import type { LogRecord } from '../../ports/event-log.ts'
import type { GateEvidence } from '../../evaluation/gate-decision.ts'
import type { TrainingResult } from '../../training/job.ts'
import type { Services } from '../../roles/services.ts'
import type { Progress, Stage } from '../progress.ts'
import type { StoryDecision, StoryLine, StoryModel, StoryStage } from './story.ts'

type Told = 'retraining.requested' | 'models.trained' | 'releases'

/** Writes down what happens, and tells it as it happens. */
export type Chronicle = {
  readonly lines: readonly StoryLine[]
  readonly decisions: readonly StoryDecision[]
  readonly stages: readonly StoryStage[]
  models(): readonly StoryModel[]
  say(topic: string | null, text: string): void
  trained(modelVersion: string, result: TrainingResult, pairs: number): void
  evaluated(modelVersion: string, summary: Readonly<Record<string, number>>): void
  /** The progress that was given, whose stages are written down. */
  readonly progress: Progress
  stop(): Promise<void>
}

const whole = (value: number): string => value.toLocaleString('en-GB')
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** What a record of a decision means, in one sentence. */
function tell(record: LogRecord<Told>, label: (modelVersion: string) => string): string {
  if (record.value === null) return 'a record that cannot be read'
  if (record.topic === 'retraining.requested') {
    const { reason, newPairs, dataSetSize, threshold } = record.value
    const base = dataSetSize - newPairs
    if (reason !== 'volume') return `a retraining on ${whole(dataSetSize)} pairs is requested (${reason})`
    if (base === 0) return `${whole(dataSetSize)} pairs are enough for a first training`
    return `${whole(newPairs)} new pairs are ${percent(newPairs / base)} of ${whole(base)}, more than ${percent(threshold)}: a retraining is requested`
  }
  if (record.topic === 'models.trained') {
    const { modelVersion, outcome, trainedAt, startedAt, detail } = record.value
    if (outcome !== 'trained') return `the retraining is ${outcome}: ${detail ?? ''}`
    return `${label(modelVersion)} is trained, in ${((trainedAt - startedAt) / 1_000).toFixed(0)} s`
  }
  const { state, modelVersion, generation, reason } = record.value
  const name = label(modelVersion)
  if (state === 'building') return `${name}: ${reason} Generation ${generation ?? ''} is built beside the old one`
  if (state === 'promoted') return `${name} and generation ${generation ?? ''} serve from now on`
  if (state === 'rejected') return `${name} is not released, as it should be: ${reason}`
  return `${name}: ${state}. ${reason}`
}

/** Follows the decision topics of the log from now on. */
export async function keepChronicle({ log, clock }: Services, progress: Progress): Promise<Chronicle> {
  const lines: StoryLine[] = []
  const decisions: StoryDecision[] = []
  const stages: StoryStage[] = []
  const models = new Map<
    string,
    { history: TrainingResult['history']; pairs: number; summary: Readonly<Record<string, number>> | null }
  >()

  const label = (modelVersion: string): string => {
    const ordinal = [...models.keys()].indexOf(modelVersion)
    return ordinal < 0 ? modelVersion : `model ${ordinal + 1} (${modelVersion})`
  }
  const noted = (name: string, stage: Stage): Stage => {
    const startedAt = clock()
    const ended = () => void stages.push({ name, startedAt, endedAt: clock() })
    return {
      update: stage.update,
      finish(line) {
        stage.finish(line)
        ended()
      },
      fail(line) {
        stage.fail(line)
        ended()
      },
    }
  }
  const say = (topic: string | null, text: string): void => {
    lines.push({ at: clock(), topic, text })
    progress.say(topic, text)
  }
  const note = ({ topic, value }: LogRecord<Told>): void => {
    if (
      topic !== 'releases' ||
      value === null ||
      !['building', 'rejected', 'inconclusive', 'reverted'].includes(value.state)
    )
      return
    const evidence = value.evidence === null ? null : (JSON.parse(value.evidence) as Partial<GateEvidence>)
    const state = value.state === 'building' ? 'promoted' : value.state
    const gate = evidence !== null && evidence.together !== undefined ? (evidence as GateEvidence) : null
    decisions.push({
      at: value.decidedAt,
      modelVersion: value.modelVersion,
      state,
      sentence: value.reason,
      evidence: gate,
    })
  }

  const topics = ['retraining.requested', 'models.trained', 'releases'] as const
  const ends = new Map(await Promise.all(topics.map(async (topic) => [topic, await log.endOffsets(topic)] as const)))
  const tail = log.tail((topic: Told) => ends.get(topic) ?? new Map<number, number>(), {
    topics,
    async handle(records) {
      for (const record of records) {
        note(record)
        say(record.topic, tell(record, label))
      }
    },
  })

  return {
    lines,
    decisions,
    stages,
    say,
    models: () =>
      [...models].map(([modelVersion, { history, pairs, summary }]) => ({
        modelVersion,
        label: label(modelVersion),
        pairs,
        history,
        recall: summary === null ? null : recallOf(summary),
      })),
    trained(modelVersion, { history }, pairs) {
      models.set(modelVersion, { history, pairs, summary: null })
    },
    evaluated(modelVersion, summary) {
      const model = models.get(modelVersion)
      // The newest evaluation stands: all models of a table are then judged on the same pictures.
      if (model !== undefined) model.summary = summary
    },
    progress: { ...progress, stage: (name, total) => noted(name, progress.stage(name, total)) },
    stop: () => tail.stop(),
  }
}

function recallOf(summary: Readonly<Record<string, number>>): NonNullable<StoryModel['recall']> {
  const figure = (name: string): number => summary[`text_to_image_${name}`] ?? 0
  return {
    at1: figure('success_1'),
    at5: figure('success_5'),
    at10: figure('success_10'),
    ndcg10: figure('ndcg_10'),
    medianRank: figure('median_rank'),
  }
}

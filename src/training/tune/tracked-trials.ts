import { unlessRefused } from '../../core/unless-refused.ts'
import type { Tracking } from '../../ports/tracking.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { RungStandings, Search, Standing } from './halving.ts'
import type { Tuning } from './plan-tuning.ts'
import type { TrainingRecords } from './training-records.ts'

export const TUNING_EXPERIMENT = 'pairstream-tune'

type Dependencies = {
  readonly tracking: Tracking
  readonly logger: Pick<Logger, 'warn'>
  readonly clock: () => number
}

/** The id of a trial's run. */
export const trialRunId = (digest: string, trial: number): string => `tune-${digest}-${String(trial).padStart(3, '0')}`

/** Trials that take part in no rung after the last one that they were in. */
function endedTrials({ rungs, next }: Search): ReadonlyMap<number, 'finished' | 'failed'> {
  const ended = new Map<number, 'finished' | 'failed'>()
  for (const [index, { isComplete, standings }] of rungs.entries()) {
    const goOn = new Set(rungs[index + 1]?.standings.map(({ trial }) => trial))
    const isLast = index === rungs.length - 1
    if (!isComplete || (isLast && next !== null)) continue
    for (const { trial, failed } of standings) if (!goOn.has(trial)) ended.set(trial, failed ? 'failed' : 'finished')
  }
  return ended
}

/**
 * The runs of a search's trials, for people to look at: a run a trial, with all its hyperparameters, and its figures a rung. They decide
 * nothing: what the store refuses is told and passed over.
 */
export function trackTrials({ tracking, logger, clock }: Dependencies, tuning: Tuning, records: TrainingRecords) {
  const loggedRungs = new Map<number, Set<number>>()
  const ended = new Set<number>()
  const runIdOf = (trial: number): string => trialRunId(tuning.digest, trial)

  /** Which rungs are logged; begins the run where there is none. What an earlier process has logged is not logged again. */
  const begin = async (trial: number): Promise<Set<number>> => {
    const known = loggedRungs.get(trial)
    if (known !== undefined) return known
    const runId = runIdOf(trial)
    const values = { ...tuning.base, ...tuning.trials[trial - 1]?.values }
    const { digest, snapshot, pairs, folds, seed, trainingSeed, backbone, sentences } = tuning
    const networks = { backbone: backbone.id, sentenceEncoder: sentences?.id ?? 'none' }
    const about = { ...values, ...networks, trial, tuning: digest, snapshot, pairs, folds, seed, trainingSeed }
    const parameters = Object.fromEntries(Object.entries(about).map(([name, value]) => [name, String(value)]))
    await tracking.startRun({ runId, experiment: TUNING_EXPERIMENT, name: runId, parameters, startedAt: clock() })
    const points = (await tracking.run(runId))?.metrics['folds'] ?? []
    const logged = new Set(points.map(({ step }) => step))
    loggedRungs.set(trial, logged)
    return logged
  }

  const figures = ({ rung }: RungStandings, { trial, mean, deviation }: Standing): Record<string, number> => {
    const { folds, epochs } = rung
    const found = Array.from({ length: folds }, (_, fold) => records.find({ trial, fold, epochs })?.metrics ?? {})
    const names = [...new Set(found.flatMap((metrics) => Object.keys(metrics)))]
    const meanOf = (name: string) => found.reduce((sum, metrics) => sum + (metrics[name] ?? 0), 0) / found.length
    return {
      epochs,
      folds,
      ...(mean === null ? {} : { score: mean, ...Object.fromEntries(names.map((name) => [name, meanOf(name)])) }),
      ...(deviation === null ? {} : { score_deviation: deviation }),
    }
  }

  const show = async (search: Search, trial: number): Promise<void> => {
    const logged = await begin(trial)
    for (const round of search.rungs) {
      const standing = round.standings.find((other) => other.trial === trial)
      const { number } = round.rung
      if (!round.isComplete || standing === undefined || logged.has(number)) continue
      await tracking.logMetrics(runIdOf(trial), number, figures(round, standing), clock())
      logged.add(number)
    }
    const end = endedTrials(search).get(trial)
    if (end === undefined || ended.has(trial)) return
    await tracking.endRun(runIdOf(trial), end, clock())
    ended.add(trial)
  }

  return {
    /** Brings the runs to where the search stands. Throws where the store is away; a later call makes up for it. */
    async follow(search: Search): Promise<void> {
      for (const { number } of tuning.trials) {
        await unlessRefused(
          () => show(search, number),
          (error) => logger.warn({ err: error, trial: number }, 'a trial is not tracked in full'),
        )
      }
    },
  }
}

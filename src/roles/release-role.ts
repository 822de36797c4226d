import { startLoop } from '../consumers/loop.ts'
import { toAppError } from '../core/errors.ts'
import { lookAgain } from '../consumers/look-again.ts'
import { createReleaseHandler } from '../consumers/release.ts'
import { createReleaseKeeper } from '../consumers/release-keeper.ts'
import { createReleaseLog } from '../consumers/release-log.ts'
import { defaultWatchLimits as limits } from '../consumers/release-watch.ts'
import { createJudge } from '../evaluation/judge.ts'
import { createGoldenQueries, type GoldenAnswers } from '../evaluation/golden-queries.ts'
import { startCalibrationRole } from './calibration-role.ts'
import { startEvaluationReports } from './evaluation-reports.ts'
import { createJudgement } from './judgement.ts'
import { startRegistryFollower } from './registry.ts'
import { joinRoles, never, type RunningRole } from './role.ts'
import { runHandler } from './run-handler.ts'
import type { Services } from './services.ts'

export type ReleaseEvents = {
  readonly onEvaluated?: (modelVersion: string, summary: Readonly<Record<string, number>>) => void
}

/** Judges trained models, switches to those that are better, watches them, and takes them back. */
export function startReleaseRole(services: Services, events: ReleaseEvents): RunningRole {
  const { catalogue, log, index, clock, config, encoders, logger, bytesOf, observer, metrics } = services
  const releases = createReleaseLog({ catalogue, log, clock })
  const judgement = createJudgement(catalogue)
  const reports = startEvaluationReports(services)
  const judge = createJudge({
    catalogue,
    openEncoder: encoders.open,
    bytesOf,
    judgement,
    thresholds: config.GATE_MARGIN === undefined ? {} : { margin: config.GATE_MARGIN },
    onEvaluated(modelVersion, summary) {
      reports.show(modelVersion, summary)
      events.onEvaluated?.(modelVersion, summary)
    },
  })
  const deciding = {
    catalogue,
    log,
    releases,
    ...judge,
    onDecided: (reason: string, outcome: string) => metrics.retrainings.inc({ reason, outcome }),
  }
  const consumer = runHandler(services, createReleaseHandler(deciding))
  // Of several processes with this role one works: the one that is given the models to decide on.
  const works = (): boolean => consumer.reads('models.trained', 0)
  const calibration = startCalibrationRole(services, judgement, works)
  const golden = createGoldenQueries({ catalogue, index, openEncoder: encoders.open, judgement })
  const keeper = createReleaseKeeper({
    catalogue,
    log,
    releases,
    async observe(modelVersion, generation, signal) {
      const { bestScores, ...seen } = observer.seen()
      const answers = await golden.ask(modelVersion, generation, signal)
      return { ...seen, goldenRecall: answers?.recall ?? null, weakShare: weakShareOf(bestScores, answers) }
    },
    async modelProblem(modelVersion, signal) {
      try {
        await (await encoders.open(modelVersion, signal)).close()
        return null
      } catch (error) {
        const problem = toAppError(error)
        return problem.kind === 'invalid' ? problem : null
      }
    },
    prepare: calibration.prepare,
    limits,
    probation: config.PROBATION_SECONDS * 1_000,
    watchInterval: 30_000,
    clock,
  })
  const loop = startLoop({
    step: async (signal) => works() && ((await keeper.step(signal)) || lookAgain(deciding, signal)),
    interval: 1_000,
    onWake: catalogue.onReleaseChange,
    onError: (error) => logger.error({ err: error }, 'a release could not be carried on'),
  })
  return joinRoles([
    reports,
    calibration,
    startRegistryFollower(services, works),
    { failed: consumer.done, stop: consumer.stop },
    { failed: never, stop: loop.stop },
  ])
}

function weakShareOf(bestScores: readonly number[], golden: GoldenAnswers | null): number | null {
  if (golden === null || bestScores.length < limits.minimumSearches) return null
  return bestScores.filter((score) => score < golden.ordinaryScore).length / bestScores.length
}

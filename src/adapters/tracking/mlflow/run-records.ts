import type { MetricPoint, Run, RunState } from '../../../ports/tracking.ts'
import type { createArtefacts } from './artefacts.ts'
import type { Mlflow } from './connection.ts'
import { decodeName } from './names.ts'
import { historyOf, RUN_ID, type LoggedMetric, type MlflowRun } from './run-search.ts'

const STATES: Readonly<Record<string, RunState>> = {
  RUNNING: 'running',
  SCHEDULED: 'running',
  FINISHED: 'finished',
  FAILED: 'failed',
  KILLED: 'failed',
}

/** MLflow keeps infinity as the largest double. */
const valueOf = (value: number): number => (Math.abs(value) === Number.MAX_VALUE ? value * 2 : value)

/** One point a step, in order of steps: MLflow keeps what was logged again, and the latest of it counts. */
export function pointsOf(history: readonly LoggedMetric[]): readonly MetricPoint[] {
  const byStep = new Map<number, MetricPoint>()
  for (const { step, value, timestamp } of history) {
    const known = byStep.get(step)
    if (known === undefined || known.at <= timestamp) byStep.set(step, { step, value: valueOf(value), at: timestamp })
  }
  return [...byStep.values()].sort((a, b) => a.step - b.step)
}

/** Reads runs of MLflow as those of the port: their metrics' histories and artefacts are requests of their own. */
export function createRunRecords(mlflow: Mlflow, artefacts: ReturnType<typeof createArtefacts>) {
  return async (run: MlflowRun, experiment: string): Promise<Run> => {
    const { info, data } = run
    const histories = data.metrics.map(
      async ({ key }) => [decodeName(key), pointsOf(await historyOf(mlflow, info.run_id, key))] as const,
    )
    const state = STATES[info.status] ?? 'running'
    return {
      runId: data.tags.find(({ key }) => key === RUN_ID)?.value ?? info.run_id,
      experiment,
      name: info.run_name,
      state,
      startedAt: info.start_time,
      endedAt: state === 'running' ? null : (info.end_time ?? null),
      parameters: Object.fromEntries(data.params.map(({ key, value }) => [decodeName(key), value])),
      metrics: Object.fromEntries(await Promise.all(histories)),
      artefacts: await artefacts.list(info.artifact_uri),
    }
  }
}

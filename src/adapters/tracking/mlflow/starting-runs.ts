import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { AppError } from '../../../core/errors.ts'
import type { Tracking } from '../../../ports/tracking.ts'
import { Nothing } from './answers.ts'
import type { Mlflow } from './connection.ts'
import type { Experiments } from './experiments.ts'
import { encodeName } from './names.ts'
import { CANDIDATE, RUN_ID, searchRuns, withTag } from './run-search.ts'

const Created = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })

/** Milliseconds after which whoever was starting a run is taken to be gone. Starting one takes some requests. */
const ABANDONED = 5_000
/** Milliseconds of all attempts together. */
const LONGEST_START = 20_000
/** MLflow's limit for one request. */
const PARAMETERS_AT_ONCE = 100

type NewRun = Parameters<Tracking['startRun']>[0]

/**
 * Starts a run once, though MLflow would start any number under one name. A run is first created as a candidate and then searched
 * for: whoever finds its own alone keeps it and marks it as started; whoever finds another beside its own deletes its own and
 * looks again after a random while. A search shows all that was created before it, so no two can each find theirs alone. A
 * candidate whose creator was killed is taken over.
 */
export function createRunStarts(mlflow: Mlflow, experiments: Experiments) {
  const post = (path: string, body: object) => mlflow.must(path, Nothing, { method: 'POST', body })

  const create = async (experiment: string, run: NewRun): Promise<string> => {
    const { run: created } = await mlflow.must('mlflow/runs/create', Created, {
      method: 'POST',
      body: {
        experiment_id: experiment,
        run_name: run.name,
        start_time: Math.round(run.startedAt),
        tags: [{ key: CANDIDATE, value: run.runId }],
      },
    })
    return created.info.run_id
  }

  const finish = async (id: string, { runId, parameters }: NewRun): Promise<string> => {
    const params = Object.entries(parameters).map(([key, value]) => ({ key: encodeName(key), value }))
    for (let start = 0; start < params.length; start += PARAMETERS_AT_ONCE) {
      await post('mlflow/runs/log-batch', { run_id: id, params: params.slice(start, start + PARAMETERS_AT_ONCE) })
    }
    await post('mlflow/runs/set-tag', { run_id: id, key: RUN_ID, value: runId })
    return id
  }

  /** MLflow's id of the run. */
  return async (run: NewRun): Promise<string> => {
    const experiment = await experiments.findOrCreate(run.experiment)
    const began = performance.now()
    while (performance.now() - began < LONGEST_START) {
      const candidates = await searchRuns(mlflow, [experiment], withTag(CANDIDATE, run.runId))
      const started = candidates.find(({ data }) => data.tags.some(({ key }) => key === RUN_ID))
      if (started !== undefined) return started.info.run_id
      if (candidates[0] === undefined) {
        const own = await create(experiment, run)
        const beside = await searchRuns(mlflow, [experiment], withTag(CANDIDATE, run.runId))
        if (beside.length === 1) return finish(own, run)
        await post('mlflow/runs/delete', { run_id: own })
      } else if (performance.now() - began > ABANDONED) {
        return finish(candidates[0].info.run_id, run)
      }
      await delay(randomInt(20, 200))
    }
    throw new AppError('tracking-unavailable', `Others keep starting the run ${run.runId}; start it again.`)
  }
}

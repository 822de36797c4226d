import { AppError } from '../../core/errors.ts'
import type { Run, Tracking } from '../../ports/tracking.ts'
import { checkBlobKey, isBlobKey } from '../blob-store/blob-key.ts'
import { Nothing } from './mlflow/answers.ts'
import { createArtefacts } from './mlflow/artefacts.ts'
import { connectMlflow, type MlflowOptions } from './mlflow/connection.ts'
import { createExperiments } from './mlflow/experiments.ts'
import { encodeName } from './mlflow/names.ts'
import { createRunRecords } from './mlflow/run-records.ts'
import { RUN_ID, searchRuns, withTag, type MlflowRun } from './mlflow/run-search.ts'
import { createRunStarts } from './mlflow/starting-runs.ts'
import { createVersions } from './mlflow/versions.ts'

export type { MlflowOptions } from './mlflow/connection.ts'
export { checkMlflow } from './mlflow/check.ts'

/** As in the file driver, so that the same ids work everywhere. */
function checkRunId(runId: string): void {
  if (isBlobKey(runId) && !runId.includes('/')) return
  throw new AppError('invalid-request', 'The id of a run holds letters, digits, dots, dashes and underscores.')
}

/**
 * Tracking in an MLflow server (3 or newer), over its REST API, so that a training shows in MLflow's own page: experiments
 * `pairstream/<experiment>`, runs with parameters, a curve for each metric and artefacts, and a registered model `pairstream`
 * whose versions carry `modelVersion` and manifest as tags. Names that MLflow refuses are written differently there
 * (`recall@10` as `recall:at:10`), and parameters are cut after 6,000 characters. Of values logged again for a step, the one with
 * the latest time counts here; MLflow shows them all. Artefacts go through MLflow's server.
 *
 * Nothing is asked before the first call. Throws `tracking-unavailable` where MLflow is away, and also, with what to do, where it
 * refuses access or the address is not MLflow's: a proxy answers so too while MLflow starts again. `checkMlflow` tells such settings.
 */
export function createMlflowTracking(options: MlflowOptions): Tracking {
  const { name = 'pairstream' } = options
  const mlflow = connectMlflow(options)
  const experiments = createExperiments(mlflow, name)
  const artefacts = createArtefacts(mlflow)
  const startRun = createRunStarts(mlflow, experiments)
  const toRun = createRunRecords(mlflow, artefacts)
  const versions = createVersions(mlflow, name)
  /** MLflow's ids and artefact addresses of runs that were found since they were started; neither ever changes. */
  const known = new Map<string, { readonly id: string; readonly artefacts: string }>()

  const findRun = async (runId: string): Promise<{ run: MlflowRun; experiment: string } | null> => {
    checkRunId(runId)
    const ours = await experiments.list()
    const ids = ours.map(({ id }) => id)
    const [run] = await searchRuns(mlflow, ids, withTag(RUN_ID, runId))
    if (run === undefined) return null
    known.set(runId, { id: run.info.run_id, artefacts: run.info.artifact_uri })
    return { run, experiment: ours.find(({ id }) => id === run.info.experiment_id)?.experiment ?? '' }
  }

  const mustFind = async (runId: string): Promise<{ readonly id: string; readonly artefacts: string }> => {
    if (!known.has(runId)) await findRun(runId)
    const found = known.get(runId)
    if (found === undefined) throw new AppError('not-found', `There is no run ${runId}; start it first.`)
    return found
  }

  return {
    async startRun(run) {
      checkRunId(run.runId)
      // Its run of before may be lost; what is logged next belongs to the one that is there now.
      known.delete(run.runId)
      await startRun(run)
    },
    async logMetrics(runId, step, metrics, at) {
      const { id } = await mustFind(runId)
      const logged = Object.entries(metrics).map(([key, value]) => ({
        key: encodeName(key),
        // JSON has no form for these; MLflow reads them from strings.
        value: Number.isFinite(value) ? value : String(value),
        timestamp: Math.round(at),
        step,
      }))
      await mlflow.must('mlflow/runs/log-batch', Nothing, { method: 'POST', body: { run_id: id, metrics: logged } })
    },
    async logArtefact(runId, artefact, bytes) {
      checkBlobKey(artefact)
      await artefacts.put((await mustFind(runId)).artefacts, artefact, bytes)
    },
    async readArtefact(runId, artefact) {
      checkRunId(runId)
      checkBlobKey(artefact)
      const address = known.get(runId)?.artefacts ?? (await findRun(runId))?.run.info.artifact_uri
      return address === undefined ? null : artefacts.get(address, artefact)
    },
    async endRun(runId, state, at) {
      const { id } = await mustFind(runId)
      const body = { run_id: id, status: state === 'finished' ? 'FINISHED' : 'FAILED', end_time: Math.round(at) }
      await mlflow.must('mlflow/runs/update', Nothing, { method: 'POST', body })
    },
    async run(runId) {
      const found = await findRun(runId)
      return found === null ? null : toRun(found.run, found.experiment)
    },
    async runs(experiment) {
      const id = await experiments.find(experiment)
      if (id === null) return []
      const found: Run[] = []
      for (const run of await searchRuns(mlflow, [id], `tags.\`${RUN_ID}\` LIKE '%'`)) {
        found.push(await toRun(run, experiment))
      }
      return found
    },
    async register(version) {
      const run = isBlobKey(version.runId) ? ((await findRun(version.runId))?.run.info.run_id ?? null) : null
      await versions.register(version, run)
    },
    tag: versions.tag,
    versions: versions.list,
    setAlias: versions.setAlias,
    aliases: versions.aliases,
    async close() {
      known.clear()
    },
  }
}

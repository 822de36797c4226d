import { createHash, randomUUID } from 'node:crypto'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { checkMlflow, createMlflowTracking } from '../../src/adapters/tracking/mlflow.ts'
import { trackingContract } from '../contracts/tracking.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { startMlflow } from './mlflow.ts'

const url = inject('servers').mlflow

/** A name of a registered model that no other place has. */
const nameOf = (place: string): string => `contract-${createHash('sha256').update(place).digest('hex').slice(0, 16)}`

const runOf = (runId: string) => ({
  runId,
  experiment: 'retraining',
  name: `training ${runId}`,
  parameters: { epochs: '3' },
  startedAt: 1_000,
})

const versionOf = (modelVersion: string) => ({
  modelVersion,
  runId: modelVersion,
  manifest: `manifests/${modelVersion}.json`,
  tags: {},
  registeredAt: 1_000,
})

/** Asks MLflow itself, as its page does. */
async function ask<T>(path: string, body?: object): Promise<T> {
  const init = body && { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const answer = await fetch(`${url}/ajax-api/2.0/mlflow/${path}`, init)
  return (await answer.json()) as T
}

type Tagged = { readonly key: string; readonly value: string }
type ShownRun = {
  readonly info: { readonly run_id: string; readonly status: string; readonly run_name: string }
  readonly data: { readonly metrics?: readonly { key: string; value: number }[]; readonly params?: readonly Tagged[] }
}

async function shownRuns(experiment: string): Promise<readonly ShownRun[]> {
  const query = new URLSearchParams({ experiment_name: experiment })
  const { experiment: found } = await ask<{ experiment: { experiment_id: string } }>(
    `experiments/get-by-name?${query.toString()}`,
  )
  const { runs = [] } = await ask<{ runs?: ShownRun[] }>('runs/search', { experiment_ids: [found.experiment_id] })
  return runs
}

type ShownVersion = { readonly version: string; readonly run_id: string; readonly tags: readonly Tagged[] }

const shownVersions = async (name: string): Promise<readonly ShownVersion[]> => {
  const query = new URLSearchParams({ filter: `name='${name}'` })
  return (
    (await ask<{ model_versions?: ShownVersion[] }>(`model-versions/search?${query.toString()}`)).model_versions ?? []
  )
}

describe('MLflow tracking', () => {
  trackingContract(async (place) => createMlflowTracking({ url, name: nameOf(place) }))

  it('shows a training in MLflow: run, parameters, curves, artefacts, and the version with its alias', async () => {
    const name = nameOf(randomUUID())
    const tracking = createMlflowTracking({ url, name })
    await tracking.startRun(runOf('m-1'))
    for (const epoch of [1, 2, 3]) await tracking.logMetrics('m-1', epoch, { loss: 1 / epoch, 'recall@10': 0.5 }, epoch)
    await tracking.logArtefact('m-1', 'evaluation.json', new TextEncoder().encode('{}'))
    await tracking.endRun('m-1', 'finished', 5_000)
    await tracking.register(versionOf('m-1'))
    await tracking.setAlias('champion', 'm-1')

    const [run] = await shownRuns(`${name}/retraining`)
    expect(run).toMatchObject({
      info: { run_name: 'training m-1', status: 'FINISHED' },
      data: { params: [{ key: 'epochs', value: '3' }] },
    })
    expect(run?.data.metrics?.map(({ key }) => key).sort()).toEqual(['loss', 'recall:at:10'])
    const id = run?.info.run_id ?? ''
    const { metrics } = await ask<{ metrics: { step: number; value: number }[] }>(
      `metrics/get-history?run_id=${id}&metric_key=loss`,
    )
    expect(metrics).toHaveLength(3)
    const { files } = await ask<{ files: { path: string }[] }>(`artifacts/list?run_id=${id}`)
    expect(files.map(({ path }) => path)).toEqual(['evaluation.json'])
    expect(await shownVersions(name)).toMatchObject([{ version: '1', run_id: id }])
    const { model_version: champion } = await ask<{ model_version: ShownVersion }>(
      `registered-models/alias?name=${name}&alias=champion`,
    )
    expect(champion.version).toBe('1')
    expect(await checkMlflow({ url })).toEqual([])
  })

  it('starts one run and registers one version however many processes do it at once', async () => {
    const name = nameOf(randomUUID())
    const all = Array.from({ length: 4 }, () => createMlflowTracking({ url, name }))
    for (const round of [1, 2, 3]) {
      const runId = `r${round}`
      await Promise.all(
        all.map(async (tracking, index) => {
          await tracking.startRun(runOf(runId))
          await tracking.logMetrics(runId, index, { loss: index }, 1_000)
          await tracking.register(versionOf(runId))
          await tracking.setAlias('challenger', runId)
        }),
      )
      const [tracking] = all
      expect(await shownRuns(`${name}/retraining`)).toHaveLength(round)
      expect((await tracking?.run(runId))?.metrics['loss']).toHaveLength(4)
      expect(await shownVersions(name)).toHaveLength(round)
      expect(await tracking?.aliases()).toEqual({ challenger: runId })
    }
    expect((await all[0]?.versions())?.map(({ modelVersion }) => modelVersion)).toEqual(['r1', 'r2', 'r3'])
  })

  it('takes over a run whose starting a crash cut short', async () => {
    const name = nameOf(randomUUID())
    const tracking = createMlflowTracking({ url, name })
    await tracking.startRun(runOf('other'))
    const { experiment } = await ask<{ experiment: { experiment_id: string } }>(
      `experiments/get-by-name?experiment_name=${name}%2Fretraining`,
    )
    const { experiment_id } = experiment
    const tags = [{ key: 'pairstream.starting', value: 'r1' }]
    await ask('runs/create', { experiment_id, start_time: 1_000, run_name: 'training r1', tags })
    expect(await tracking.run('r1')).toBeNull()
    await tracking.startRun(runOf('r1'))
    expect(await tracking.run('r1')).toMatchObject({ ...runOf('r1'), state: 'running' })
    expect(await shownRuns(`${name}/retraining`)).toHaveLength(2)
  })

  it('keeps any number of parameters, and restores an experiment that somebody deleted', async () => {
    const name = nameOf(randomUUID())
    const parameters = Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`p${index}`, String(index)]))
    await createMlflowTracking({ url, name }).startRun({ ...runOf('r1'), parameters })
    const { experiment } = await ask<{ experiment: { experiment_id: string } }>(
      `experiments/get-by-name?experiment_name=${name}%2Fretraining`,
    )
    await ask('experiments/delete', { experiment_id: experiment.experiment_id })
    const tracking = createMlflowTracking({ url, name })
    await tracking.startRun(runOf('r2'))
    expect((await tracking.run('r1'))?.parameters).toEqual(parameters)
    expect(await tracking.runs('retraining')).toHaveLength(2)
  })

  it('is unavailable while MLflow is away, and goes on when it is back, with everything that was acknowledged', async () => {
    const folder = await temporaryFolder()
    const first = await startMlflow(folder)
    onTestFinished(() => first.stop())
    const tracking = createMlflowTracking({ url: first.address })
    await tracking.startRun(runOf('r1'))
    await tracking.logMetrics('r1', 1, { loss: 0.5 }, 1_000)
    await first.stop()
    await expect(tracking.logMetrics('r1', 2, { loss: 0.25 }, 1_100)).rejects.toMatchObject({
      code: 'tracking-unavailable',
    })
    const second = await startMlflow(folder, Number(new URL(first.address).port))
    onTestFinished(() => second.stop())
    await tracking.logMetrics('r1', 2, { loss: 0.25 }, 1_100)
    expect((await tracking.run('r1'))?.metrics['loss']).toHaveLength(2)
  }, 240_000)
})

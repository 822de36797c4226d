import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileTracking } from '../../src/adapters/tracking/files.ts'
import { AppError } from '../../src/core/errors.ts'
import type { Tracking } from '../../src/ports/tracking.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { trackTraining } from '../../src/training/tracked-training.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const away = () => Promise.reject(new AppError('tracking-unavailable', 'It is away.'))
const history = [1, 2, 3].map((epoch) => ({ epoch, loss: 1 / epoch, developmentRecall: epoch / 10 }))
const finished = {
  history,
  version: { manifest: 'manifests/a.json', tags: { reason: 'volume' } },
  artefacts: { 'manifest.json': Buffer.from('{}') },
}
const progressOf = (result: (typeof history)[number]) => ({ ...result, epochs: 3, step: 1, steps: 3, learningRate: 1, secondsLeft: 1 }) // prettier-ignore

async function tracked(changes: (tracking: Tracking) => Partial<Tracking> = () => ({})) {
  const tracking = createFileTracking({ folder: await temporaryFolder() })
  onTestFinished(() => tracking.close())
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', stream: { write: (line) => void lines.push(line) } })
  let now = 1_000
  const clock = () => now++
  const training = () => trackTraining({ tracking: { ...tracking, ...changes(tracking) }, logger, clock }, 'm-1')
  const points = async () => (await tracking.run('m-1'))?.metrics['loss'] ?? []
  return { tracking, training, lines, points }
}

describe('the run of a training', () => {
  it('shows each epoch as it ends, in order, though the store is slow', async () => {
    const slow = promise()
    const all = promise()
    const { training, points } = await tracked((tracking) => ({
      async logMetrics(runId, step, metrics, at) {
        if (step === 1) await slow.promise
        await tracking.logMetrics(runId, step, metrics, at)
        if (step === 3) all.resolve()
      },
    }))
    const run = training()
    await run.started({})
    for (const result of history) run.progress(progressOf(result))
    expect(await points()).toEqual([])
    slow.resolve()
    await all.promise
    const shown = await points()
    expect(shown.map(({ step, value }) => [step, value])).toEqual([[1, 1], [2, 1 / 2], [3, 1 / 3]]) // prettier-ignore
    await run.finished(finished)
    expect(await points()).toEqual(shown)
  })

  it('ends with version and artefacts, and has what was not logged while it ran', async () => {
    let isAway = true
    const { tracking, training } = await tracked((tracking) => ({
      logMetrics: (...values) => (isAway ? away() : tracking.logMetrics(...values)),
    }))
    const run = training()
    await run.started({ epochs: '3' })
    run.progress(progressOf({ epoch: 1, loss: 1, developmentRecall: 0.1 }))
    await expect(run.finished(finished)).rejects.toMatchObject({ code: 'tracking-unavailable' })
    expect(await tracking.run('m-1')).toMatchObject({ state: 'running' })
    isAway = false
    await training().finished(finished)
    const found = await tracking.run('m-1')
    expect(found).toMatchObject({ state: 'finished', parameters: { epochs: '3' }, artefacts: ['manifest.json'] })
    expect(found?.metrics['development_recall_10']?.map(({ value }) => value)).toEqual([0.1, 0.2, 0.3])
    expect(await tracking.versions()).toMatchObject([{ modelVersion: 'm-1', tags: { reason: 'volume' } }])
  })

  it('logs no epoch twice that an interrupted training has logged', async () => {
    const { training, points } = await tracked()
    const first = training()
    await first.started({})
    for (const result of history.slice(0, 2)) first.progress(progressOf(result))
    await first.failed(new AppError('training-failed', 'It was stopped.'))
    expect(await points()).toHaveLength(2)
    await training().finished(finished)
    const before = await points()
    await training().finished(finished)
    expect(await points()).toEqual(before)
    expect(before).toHaveLength(3)
  })

  it('decides nothing where somebody deleted it, and tells that', async () => {
    const { tracking, training, lines } = await tracked()
    const run = training()
    run.progress(progressOf({ epoch: 1, loss: 1, developmentRecall: 0.1 }))
    await run.finished(finished)
    await run.failed(new AppError('training-failed', 'It is lost.'))
    expect(await tracking.versions()).toHaveLength(1)
    expect(lines).toHaveLength(1)
  })

  it('does not wait for whoever keeps artefacts', async () => {
    const { tracking, training } = await tracked(() => ({ logArtefact: away }))
    const run = training()
    await run.started({})
    await run.finished(finished)
    expect(await tracking.run('m-1')).toMatchObject({ state: 'finished', artefacts: [] })
  })

  it('ends as failed, with its curve and the reason', async () => {
    const { tracking, training } = await tracked()
    const run = training()
    await run.started({})
    run.progress(progressOf({ epoch: 1, loss: 1, developmentRecall: 0.1 }))
    await run.failed(new AppError('training-failed', 'The loss is no number.'))
    expect(await tracking.run('m-1')).toMatchObject({ state: 'failed', metrics: { loss: [{ step: 1 }] } })
    const reason = Buffer.from((await tracking.readArtefact('m-1', 'failure.txt')) ?? []).toString()
    expect(reason).toBe('training-failed: The loss is no number.\n')
  })
})

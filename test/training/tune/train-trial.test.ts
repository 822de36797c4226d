import { describe, expect, it } from 'vitest'
import { trainTrial } from '../../../src/training/tune/train-trial.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { FEATURE_WIDTH, smallJob } from '../small-job.ts'

const training = { trial: 2, fold: 0, epochs: 3 }

/** A search whose first trial is the small job, and whose others have another learning rate; data lie in a folder of their own. */
async function smallSearch(learningRate = 0.01) {
  const { jobFolder, hyperparameters: base } = await smallJob(await temporaryFolder())
  const trials = [
    { number: 1, values: {} },
    { number: 2, values: { learningRate } },
  ]
  const tuning = {
    digest: 'test',
    trials,
    trainingSeed: 1,
    base,
    backbone: { featureWidth: FEATURE_WIDTH, regions: null },
    sentences: null,
  }
  return { tuning, surroundings: { jobFolder, threads: 1, clock: () => 1_000 } }
}

const unstopped = new AbortController().signal

describe('a training of a trial', { timeout: 60_000 }, () => {
  it('that was cut off goes on from its checkpoint to the same score', async () => {
    const whole = await smallSearch()
    const expected = await trainTrial(training, whole.tuning, whole.surroundings, () => undefined, unstopped)
    expect(expected).toMatchObject({ ...training, failure: null, endedAt: 1_000 })
    expect(expected.score).toBeGreaterThan(0)
    expect(expected.metrics['epochs_run']).toBe(3)

    const { tuning, surroundings } = await smallSearch()
    const stop = new AbortController()
    const cutOff = trainTrial(training, tuning, surroundings, ({ step }) => step >= 20 && stop.abort(), stop.signal)
    await expect(cutOff).rejects.toMatchObject({ name: 'AbortError' })
    const steps: number[] = []
    expect(await trainTrial(training, tuning, surroundings, ({ step }) => void steps.push(step), unstopped)).toEqual(
      expected,
    )
    expect(steps[0]).toBeGreaterThan(4)
  })

  it('has the values of its trial and the schedule of its epochs', async () => {
    const { tuning, surroundings } = await smallSearch(0.02)
    const rates: number[] = []
    const other = { ...training, epochs: 1 }
    const seen = (progress: { learningRate: number; epochs: number }) => {
      rates.push(progress.learningRate)
      expect(progress.epochs).toBe(1)
    }
    await trainTrial(other, tuning, surroundings, seen, unstopped)
    expect(Math.max(...rates)).toBeCloseTo(0.02, 6)
    expect(rates.at(-1)).toBeCloseTo(0, 6)
  })

  it('that fails is a trial that failed, but for the first', async () => {
    const { tuning, surroundings } = await smallSearch(1e30)
    const diverged = await trainTrial(training, tuning, surroundings, () => undefined, unstopped)
    expect(diverged).toMatchObject({ score: null, failure: expect.stringContaining('The loss at step') as string })
    // Here no values are to blame: no picture has such features.
    const broken = { ...tuning, backbone: { featureWidth: FEATURE_WIDTH + 1, regions: null } }
    const first = trainTrial({ ...training, trial: 1 }, broken, surroundings, () => undefined, unstopped)
    await expect(first).rejects.toMatchObject({ code: 'training-failed' })
  })
})

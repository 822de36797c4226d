import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sha256Hex } from '../../src/core/ids.ts'
import { comparedMeasures } from '../../src/reranking/evaluate-reranking.ts'
import { openReranker } from '../../src/reranking/open-reranker.ts'
import { runRerankerJob, type RerankerJob } from '../../src/reranking/reranker-job.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { tinyJob } from './tiny-reranker.ts'

const networkOf = async ({ outputFolder }: RerankerJob) =>
  sha256Hex(await readFile(join(outputFolder, 'onnx', 'interaction.onnx')))

describe('job of a reranker', () => {
  it('learns what counts: later queries are answered better than by the sentences', { timeout: 120_000 }, async () => {
    const job = await tinyJob(300)
    const { history, evaluation } = await runRerankerJob(job)
    expect(history.at(-1)?.loss).toBeLessThan((history[0]?.loss ?? 0) * 0.8)
    const reranker = await openReranker(job.outputFolder)
    onTestFinished(() => reranker.close())
    expect(reranker.modelVersion).toBe('tiny-reranker')
    expect(evaluation.queries).toBeGreaterThan(50)
    for (const name of comparedMeasures) {
      expect(evaluation.challenger[name]).toBeGreaterThan(evaluation.unranked[name] + 0.1)
      expect(evaluation.overUnranked[name].pairedTTest).toBeLessThan(0.05)
      expect(evaluation.overUnranked[name].randomisationTest).toBeLessThan(0.05)
    }
    const again = { ...job, outputFolder: await temporaryFolder(), championFolder: job.outputFolder }
    const against = (await runRerankerJob(again)).evaluation
    expect(against.champion).toEqual(evaluation.challenger)
    expect(against.overChampion?.ndcg_10).toEqual({ difference: 0, pairedTTest: 1, randomisationTest: 1 })
  })

  it(
    'gives the same network every time, with one thread or two, killed and taken up or not',
    { timeout: 120_000 },
    async () => {
      const plain = await tinyJob()
      const hyperparameters = { ...plain.hyperparameters, tokenDropout: 0.1 } as typeof plain.hyperparameters
      const job = { ...plain, hyperparameters }
      await runRerankerJob(job)
      const expected = await networkOf(job)

      const again = { ...job, threads: 2, jobFolder: await temporaryFolder(), outputFolder: await temporaryFolder() }
      await runRerankerJob(again)
      expect(await networkOf(again)).toBe(expected)

      const killed = { ...job, jobFolder: await temporaryFolder(), outputFolder: await temporaryFolder() }
      const kill = new AbortController()
      const untilThird = runRerankerJob(
        killed,
        (progress) => {
          if (progress.stage === 'training' && progress.epoch === 3) kill.abort(new Error('killed'))
        },
        kill.signal,
      )
      await expect(untilThird).rejects.toThrow('killed')
      const epochs = new Set<number>()
      await runRerankerJob(killed, (progress) => {
        expect(progress.stage).not.toBe('reading') // the states were there
        if (progress.stage === 'training') epochs.add(progress.epoch)
      })
      expect([...epochs]).toEqual([3, 4])
      expect(await networkOf(killed)).toBe(expected)

      const other = { ...killed, seed: 2 }
      await runRerankerJob(other)
      expect(await networkOf(other)).not.toBe(expected)
    },
  )

  it('stops early, and exports the best epoch', async () => {
    const job = await tinyJob()
    const hyperparameters = { ...job.hyperparameters, maximumEpochs: 30, patience: 1, learningRate: 0.1 } as typeof job.hyperparameters // prettier-ignore
    const { history } = await runRerankerJob({ ...job, hyperparameters })
    expect(history.length).toBeLessThan(30)
    const last = history.at(-1)?.score ?? 1
    expect(last).toBeLessThanOrEqual(Math.max(...history.map(({ score }) => score)))
    const { history: checkpointed } = await runRerankerJob({ ...job, hyperparameters })
    expect(checkpointed).toEqual(history)
  })

  it('says so where there is too little to learn from', async () => {
    const job = await tinyJob(20)
    await expect(runRerankerJob({ ...job, learned: [] })).rejects.toMatchObject({ code: 'training-failed' })
    const unanswered = job.learned.map((judgement) => ({ ...judgement, relevance: 0 }))
    await expect(runRerankerJob({ ...job, learned: unanswered })).rejects.toMatchObject({ code: 'training-failed' })
  })
})

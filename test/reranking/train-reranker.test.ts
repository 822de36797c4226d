import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sha256Hex } from '../../src/core/ids.ts'
import { openSentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import { comparedMeasures, evaluateReranking, type CandidateList } from '../../src/reranking/evaluate-reranking.ts'
import type { LabelledPair } from '../../src/reranking/labelled-pair.ts'
import { openTrainedReranker } from '../../src/reranking/trained-reranker.ts'
import { trainReranker, type RerankerJob } from '../../src/reranking/train-reranker.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { tinyJob } from './tiny-reranker.ts'

const networkOf = async ({ outputFolder }: RerankerJob) =>
  sha256Hex(await readFile(join(outputFolder, 'onnx', 'interaction.onnx')))

/** The judged documents of each query as the encoder's sentences rank them. */
async function listsOf(pairs: readonly LabelledPair[], encoderFolder: string): Promise<CandidateList[]> {
  const encoder = await openSentenceEncoder(encoderFolder)
  const lists: CandidateList[] = []
  for (const query of new Set(pairs.map((pair) => pair.query))) {
    const own = pairs.filter((pair) => pair.query === query)
    const [vector = new Float32Array(), ...vectors] = await encoder.encode([query, ...own.map(({ document }) => document)]) // prettier-ignore
    const near = (place: number) => (vectors[place] ?? vector).reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0) // prettier-ignore
    const order = [...own.keys()].sort((a, b) => near(b) - near(a))
    lists.push({
      query,
      imageId: query,
      candidates: order.map((place) => ({ id: String(place), text: own[place]?.document ?? '' })),
      relevant: new Set(order.filter((place) => own[place]?.relevance === 1).map(String)),
    })
  }
  await encoder.close()
  return lists
}

describe('training of a reranker', () => {
  it('learns what counts: later queries are answered better than by the sentences', async () => {
    const job = await tinyJob(300)
    const { history } = await trainReranker(job)
    expect(history.at(-1)?.loss).toBeLessThan((history[0]?.loss ?? 0) * 0.8)
    const reranker = await openTrainedReranker(job.outputFolder)
    onTestFinished(() => reranker.close())
    expect(reranker.modelVersion).toBe('tiny-reranker')
    const lists = await listsOf(job.pairs.development, job.encoderFolder)
    const { before, after, changes } = await evaluateReranking(lists, reranker.rank)
    for (const name of comparedMeasures) {
      expect(after[name]).toBeGreaterThan(before[name] + 0.1)
      expect(changes[name].pairedTTest).toBeLessThan(0.05)
      expect(changes[name].randomisationTest).toBeLessThan(0.05)
    }
    // What was measured while training is what serving gives.
    const best = Math.max(...history.map(({ ndcg_10 }) => ndcg_10))
    expect(after.ndcg_10).toBeLessThanOrEqual(best + 1e-6)
    expect(history.some(({ ndcg_10 }) => Math.abs(ndcg_10 - after.ndcg_10) < 1e-3)).toBe(true)
  })

  it('gives the same network every time, with one thread or two, killed and taken up or not', async () => {
    const job = { ...(await tinyJob()), hyperparameters: { ...(await tinyJob()).hyperparameters, tokenDropout: 0.1 } }
    await trainReranker(job)
    const expected = await networkOf(job)

    const again = { ...job, threads: 2, jobFolder: await temporaryFolder(), outputFolder: await temporaryFolder() }
    await trainReranker(again)
    expect(await networkOf(again)).toBe(expected)

    const killed = { ...job, jobFolder: await temporaryFolder(), outputFolder: await temporaryFolder() }
    const kill = new AbortController()
    const untilThird = trainReranker(
      killed,
      (progress) => {
        if (progress.stage === 'training' && progress.epoch === 3) kill.abort(new Error('killed'))
      },
      kill.signal,
    )
    await expect(untilThird).rejects.toThrow('killed')
    const epochs = new Set<number>()
    await trainReranker(killed, (progress) => {
      if (progress.stage === 'training') epochs.add(progress.epoch)
      else expect(progress.texts).toBe(-1) // the states were there
    })
    expect([...epochs]).toEqual([3, 4])
    expect(await networkOf(killed)).toBe(expected)

    const other = { ...killed, seed: 2 }
    await trainReranker(other)
    expect(await networkOf(other)).not.toBe(expected)
  })

  it('stops early, and exports the best epoch', async () => {
    const job = await tinyJob()
    const hyperparameters = { ...job.hyperparameters, maximumEpochs: 30, patience: 1, learningRate: 0.1 }
    const { history } = await trainReranker({ ...job, hyperparameters })
    expect(history.length).toBeLessThan(30)
    const last = history.at(-1)?.score ?? 1
    expect(last).toBeLessThanOrEqual(Math.max(...history.map(({ score }) => score)))
    const { history: checkpointed } = await trainReranker({ ...job, hyperparameters })
    expect(checkpointed).toEqual(history)
  })

  it('says so where there is too little to learn from', async () => {
    const job = await tinyJob(20)
    const none = { ...job, pairs: { train: [], development: job.pairs.development } }
    await expect(trainReranker(none)).rejects.toMatchObject({ code: 'training-failed' })
    const onlyWrong = job.pairs.development.filter(({ relevance }) => relevance === 0)
    const unjudged = { ...job, pairs: { train: job.pairs.train, development: onlyWrong } }
    await expect(trainReranker(unjudged)).rejects.toMatchObject({ code: 'training-failed' })
  })
})

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readWeights } from '../../src/models/onnx/read-weights.ts'
import { createTokeniser } from '../../src/models/tokeniser.ts'
import { bucketOf } from '../../src/training/definitions/bigrams.ts'
import { normal, randomStream } from '../../src/training/random.ts'
import { trainModel } from '../../src/training/train.ts'
import { writeTrainingData, type TrainingImage } from '../../src/training/training-data.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { FEATURE_WIDTH, modelHashes, smallJob } from './small-job.ts'

const ignore = () => undefined
const things = ['cup', 'hat', 'key', 'pen', 'box', 'jar', 'fan', 'mug'] as const
const BUCKETS = 512

/** Two things, one on the other: the order of the words says which. `letter` ends each caption, in a word that pairs with none before it. */
function* stacks(count: number, letter = ''): Iterable<TrainingImage> {
  const random = randomStream(11)
  for (let index = 0; index < count; index++) {
    const above = random.below(things.length)
    const below = (above + 1 + random.below(things.length - 1)) % things.length
    const view = () =>
      Float32Array.from(
        { length: FEATURE_WIDTH },
        (_, i) => (i === above || i === things.length + below ? 1 : 0) + 0.1 * normal(random),
      )
    yield {
      views: [view(), view()],
      captions: [`${things[above]} ${things[below]}${letter}`],
      fold: index % 5 === 0 ? 'development' : 'train',
    }
  }
}

async function jobOn(images: Iterable<TrainingImage>, changes: Parameters<typeof smallJob>[1] = {}) {
  const job = await smallJob(await temporaryFolder(), {
    maximumEpochs: 12,
    batchSize: 64,
    minimumWordCount: 1,
    bigramBuckets: BUCKETS,
    ...changes,
  })
  await writeTrainingData(job.jobFolder, images)
  return job
}

async function tableOf(folder: string, width: number) {
  const table = readWeights(await readFile(join(folder, 'onnx/text_model.onnx'))).get('words') ?? new Float32Array(0)
  const tokeniser = createTokeniser(JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')))
  return {
    rows: table.length / width,
    size: tokeniser.size,
    pairOf(text: string) {
      const [first = 0, second = 0] = tokeniser.encode(text)
      const row = tokeniser.size + bucketOf(first, second, BUCKETS)
      return [...table.subarray(row * width, (row + 1) * width)]
    },
  }
}

describe('training a bag of words with bigrams', { timeout: 60_000 }, () => {
  it('tells captions apart that differ in the order of their words alone, which a bag of words cannot', async () => {
    const recallWith = async (bigramBuckets: number) =>
      (await trainModel(await jobOn(stacks(600), { bigramBuckets }), ignore)).metrics['development.recall_at_1'] ?? 0
    const [without, with_] = [await recallWith(0), await recallWith(BUCKETS)]
    expect(with_).toBeGreaterThan(without + 0.1)
  })

  it('is the same training at one thread as at two, and exports in fewer bits', async () => {
    const hashes = []
    for (const threads of [1, 2]) {
      const job = { ...(await jobOn(stacks(200), { maximumEpochs: 2, exportPrecision: 'int8' })), threads }
      const { metrics } = await trainModel(job, ignore)
      expect(metrics['export.int8_recall_lost']).toBeDefined()
      hashes.push(await modelHashes(job.outputFolder))
    }
    expect(hashes[0]).toEqual(hashes[1])
  })

  it('starts from what a parent learned of pairs, though other words have other ids there', async () => {
    const parent = await jobOn(stacks(300))
    await trainModel(parent, ignore)
    // Words that are more frequent than the others come before them in the vocabulary.
    const child = await jobOn(stacks(300, ' and so on and so on'), { maximumEpochs: 1, learningRate: 1e-7 })
    await trainModel({ ...child, initialFolder: parent.outputFolder }, ignore)
    const width = child.hyperparameters.wordWidth
    const [before, after] = [await tableOf(parent.outputFolder, width), await tableOf(child.outputFolder, width)]
    expect(after.size).toBeGreaterThan(before.size)
    expect(after.rows).toBe(after.size + BUCKETS)
    for (const pair of ['cup hat', 'pen box']) {
      const learned = before.pairOf(pair)
      expect(Math.hypot(...learned), pair).toBeGreaterThan(1e-3)
      for (const [i, value] of learned.entries()) expect(after.pairOf(pair)[i], pair).toBeCloseTo(value, 3)
    }
  })

  it('does not start from a model with other buckets', async () => {
    const parent = await jobOn(stacks(100), { maximumEpochs: 1, bigramBuckets: 0 })
    await trainModel(parent, ignore)
    const child = await jobOn(stacks(100), { maximumEpochs: 1 })
    await expect(trainModel({ ...child, initialFolder: parent.outputFolder }, ignore)).rejects.toMatchObject({
      code: 'training-failed',
      message: expect.stringContaining('buckets') as string,
    })
  })
})

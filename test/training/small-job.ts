import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomStream, normal } from '../../src/training/random.ts'
import { defaultHyperparameters } from '../../src/training/hyperparameters.ts'
import type { TrainingJob } from '../../src/training/job.ts'
import { writeTrainingData, type TrainingImage } from '../../src/training/training-data.ts'

const colours = ['red', 'green', 'blue', 'yellow', 'white', 'black']
const shapes = ['circle', 'square', 'star', 'ring', 'cross', 'line']
const places = ['left', 'right', 'top', 'bottom']
export const FEATURE_WIDTH = 24

/** Made-up scenes: features say, noisily, what the captions say. */
export function* scenes(count: number): Iterable<TrainingImage> {
  const random = randomStream(7)
  const words = [...colours, ...shapes, ...places]
  for (let index = 0; index < count; index++) {
    const chosen = [colours, shapes, places].map((list) => list[random.below(list.length)] ?? '')
    const view = () =>
      Float32Array.from(
        { length: FEATURE_WIDTH },
        (_, i) => (chosen.includes(words[i] ?? '') ? 1 : 0) + 0.2 * normal(random),
      )
    const [colour = '', shape = '', place = ''] = chosen
    yield {
      views: [view(), view()],
      captions: [`A ${colour} ${shape} on the ${place}.`, `${place}: one ${shape}, ${colour}`],
      fold: index % 10 === 0 ? 'development' : 'train',
    }
  }
}

/** A job that trains in a second or two. */
export async function smallJob(
  folder: string,
  changes: Partial<TrainingJob['hyperparameters']> = {},
): Promise<TrainingJob> {
  const jobFolder = join(folder, 'job')
  await writeTrainingData(jobFolder, scenes(200))
  return {
    jobFolder,
    outputFolder: join(folder, 'model'),
    modelVersion: 'm-test',
    seed: 1,
    threads: 1,
    featureWidth: FEATURE_WIDTH,
    sentenceWidth: null,
    initialFolder: null,
    hyperparameters: {
      ...defaultHyperparameters(360),
      embeddingWidth: 32,
      wordWidth: 24,
      batchSize: 32,
      maximumEpochs: 6,
      maxLength: 8,
      checkpointEvery: 4,
      ...changes,
    },
  }
}

/** SHA-256 of each of a model's files. */
export async function modelHashes(folder: string): Promise<Readonly<Record<string, string>>> {
  const names = ['config.json', 'tokenizer.json', 'onnx/image_head.onnx', 'onnx/text_model.onnx']
  const hashes = names.map(async (name) => {
    const bytes = await readFile(join(folder, name))
    return [name, createHash('sha256').update(bytes).digest('hex')] as const
  })
  return Object.fromEntries(await Promise.all(hashes))
}

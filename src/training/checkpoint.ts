import { join } from 'node:path'
import { z } from 'zod'
import { sha256Hex } from '../core/ids.ts'
import type { Weights } from '../models/definitions/serving.ts'
import type { AdamState } from './adamw.ts'
import type { TrainingJob } from './job.ts'
import type { Example } from './training-data.ts'
import { readWeightsFile, writeWeightsFile } from './weights-file.ts'

const positionSchema = z.object({
  /** What the training is a function of; a checkpoint of another training is not taken up. */
  fingerprint: z.string(),
  /** Steps done of the epoch that is under way, which counts from 1. */
  epoch: z.number(),
  stepInEpoch: z.number(),
  /** The sum of the losses of these steps. */
  lossSum: z.number(),
  history: z.array(z.object({ epoch: z.number(), loss: z.number(), developmentRecall: z.number(), score: z.number() })),
})

/** Where a training stands. With what was learned and the job it determines all that follows. */
type TrainingPosition = z.infer<typeof positionSchema>

/** All arrays that change from step to step: the weights with the optimiser's running means, and their averages. */
type Learned = {
  readonly states: Readonly<Record<string, AdamState>>
  readonly averages: Weights
}

type Checkpoints = {
  save(position: TrainingPosition, learned: Learned): Promise<void>
  /** Loads the saved arrays into `learned` and returns where training stood; null when there is nothing to resume. */
  resume(fingerprint: string, learned: Learned): Promise<TrainingPosition | null>
  saveBest(weights: Weights): Promise<void>
  /** The weights saved last by `saveBest`. */
  best(): Promise<Weights | null>
}

/** The arrays under the names that they have in the file. */
const named = ({ states, averages }: Learned): Record<string, Float32Array> =>
  Object.fromEntries([
    ...Object.entries(states).flatMap(([name, { values, mean, square }]) => [
      [`values.${name}`, values] as const,
      [`mean.${name}`, mean] as const,
      [`square.${name}`, square] as const,
    ]),
    ...Object.entries(averages).map(([name, values]) => [`average.${name}`, values] as const),
  ])

/** Where a training stands before its first step. */
export const startingPosition = (fingerprint: string): TrainingPosition => ({
  fingerprint,
  epoch: 1,
  stepInEpoch: 0,
  lossSum: 0,
  history: [],
})

/** What determines a training: the job but for folders and threads, and its examples. */
export function fingerprintOf(job: TrainingJob, examples: readonly Example[]): string {
  const { modelVersion, seed, featureWidth, hyperparameters, initialFolder } = job
  return sha256Hex(JSON.stringify([modelVersion, seed, featureWidth, hyperparameters, initialFolder, examples]))
}

/** The checkpoint of a job, in its folder: two files, each replaced as a whole. */
export function createCheckpoints(jobFolder: string): Checkpoints {
  const currentPath = join(jobFolder, 'checkpoint.safetensors')
  const bestPath = join(jobFolder, 'best.safetensors')
  return {
    save: (position, learned) =>
      writeWeightsFile(currentPath, { note: JSON.stringify(position), arrays: named(learned) }),
    async resume(fingerprint, learned) {
      const saved = await readWeightsFile(currentPath)
      if (saved === null) return null
      const position = positionSchema.parse(JSON.parse(saved.note))
      if (position.fingerprint !== fingerprint) return null
      for (const [name, values] of Object.entries(named(learned))) values.set(saved.arrays[name] ?? [])
      return position
    },
    saveBest: (weights) => writeWeightsFile(bestPath, { note: 'best', arrays: weights }),
    best: async () => (await readWeightsFile(bestPath))?.arrays ?? null,
  }
}

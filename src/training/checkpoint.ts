import { basename, join } from 'node:path'
import { z } from 'zod'
import { sha256Hex } from '../core/ids.ts'
import type { Weights } from './definitions/serving.ts'
import type { TrainingJob } from './job.ts'
import { bestAmong, namedArrays, namedBest, type Learned } from './learned-arrays.ts'
import { readWeightsFile, writeWeightsFile } from './weights-file.ts'

export const CHECKPOINT_FILE = 'checkpoint.safetensors'
/** One that was fetched from the blob store, beside the folder's own. */
export const STORED_CHECKPOINT_FILE = 'stored-checkpoint.safetensors'

/** How a checkpoint is laid out; one of another layout is not taken up. */
const LAYOUT = 3

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

/** `best` is the averages of the best epoch so far; null before the first has ended. */
type Saved = { readonly position: TrainingPosition; readonly best: Weights | null }

type Checkpoints = {
  save(saved: Saved, learned: Learned): Promise<void>
  /** Loads the arrays of the latest checkpoint into `learned` and returns where training stood; null when there is nothing to resume. */
  resume(fingerprint: string, learned: Learned): Promise<Saved | null>
}

/** Where a training stands before its first step. */
export const startingPosition = (fingerprint: string): TrainingPosition => ({
  fingerprint,
  epoch: 1,
  stepInEpoch: 0,
  lossSum: 0,
  history: [],
})

/** What determines a training: the job but for folders and threads, and its examples. The same on every machine. */
export function fingerprintOf(job: TrainingJob, examplesDigest: string): string {
  const {
    modelVersion,
    seed,
    featureWidth,
    regions,
    sentenceWidth,
    networks = [],
    hyperparameters,
    initialFolder,
  } = job
  // Where the folder lies is this machine's matter; its name is the model's.
  const parent = initialFolder === null ? null : basename(initialFolder)
  const inputs = [featureWidth, ...(regions ? [regions] : []), sentenceWidth, ...networks]
  return sha256Hex(JSON.stringify([LAYOUT, modelVersion, seed, inputs, hyperparameters, parent, examplesDigest]))
}

type Found = { readonly position: TrainingPosition; readonly arrays: Weights }

/** A checkpoint of this training, whole; null for anything else, as what cannot be read must not keep anyone from training. */
async function find(path: string, fingerprint: string, learned: Learned): Promise<Found | null> {
  try {
    const saved = await readWeightsFile(path)
    if (saved === null) return null
    const position = positionSchema.parse(JSON.parse(saved.note))
    if (position.fingerprint !== fingerprint) return null
    const best = position.history.length === 0 ? {} : learned.averages
    const expected = Object.entries({ ...namedArrays(learned), ...namedBest(best) })
    const isWhole = expected.every(([name, { length }]) => saved.arrays[name]?.length === length)
    return isWhole ? { position, arrays: saved.arrays } : null
  } catch {
    return null
  }
}

const isLater = (a: TrainingPosition, b: TrainingPosition): boolean =>
  a.epoch === b.epoch ? a.stepInEpoch > b.stepInEpoch : a.epoch > b.epoch

/**
 * The checkpoint of a job, in its folder: one file, replaced as a whole, of weights and running means; of the data it holds a hash.
 * Where another process went further meanwhile, its stored one is the one that is resumed.
 */
export function createCheckpoints(jobFolder: string): Checkpoints {
  const [own, stored] = [join(jobFolder, CHECKPOINT_FILE), join(jobFolder, STORED_CHECKPOINT_FILE)]
  return {
    save: ({ position, best }, learned) =>
      writeWeightsFile(own, {
        note: JSON.stringify(position),
        arrays: { ...namedArrays(learned), ...namedBest(best ?? {}) },
      }),
    async resume(fingerprint, learned) {
      let latest = await find(own, fingerprint, learned)
      const other = await find(stored, fingerprint, learned)
      if (latest === null || (other !== null && isLater(other.position, latest.position))) latest = other
      if (latest === null) return null
      const { position, arrays } = latest
      for (const [name, values] of Object.entries(namedArrays(learned))) values.set(arrays[name] ?? [])
      return { position, best: bestAmong(arrays) }
    },
  }
}

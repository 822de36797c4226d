import { createReadStream, existsSync } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { hashShare } from '../../core/split.ts'
import { mayHold } from '../forget-pairs.ts'
import type { KeyedTrainingImage } from '../learnt-images.ts'
import {
  EXAMPLES_FILE,
  FEATURES_FILE,
  SENTENCES_FILE,
  writeTrainingData,
  type Example,
  type Fold,
} from '../training-data.ts'
import { writeDurably } from '../weights-file.ts'

/** The fold of each row of features, as a JSON array. */
const FOLDS_FILE = 'folds.json'
const LINES_AT_ONCE = 1_000

/** The fold of an image, from 0: by hash of the split key with a salt of its own, so near-duplicates share it. */
export const foldOf = (splitKey: string, folds: number): number => Math.floor(hashShare('tuning', splitKey) * folds)

type FoldDataOptions = {
  readonly folder: string
  readonly folds: number
  /** Whether captions come with their embeddings. */
  readonly hasSentences: boolean
  /** The images to learn from, with their features, anew at each call. */
  readonly images: (signal: AbortSignal) => AsyncIterable<KeyedTrainingImage>
  /** Whether a pair was erased. */
  readonly isGone: (pairId: string) => boolean
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

/**
 * The data of all trainings of a search, once on the disk: features are the same for each, and which images play the development fold is
 * written anew for each fold. The folder lies among those of trainings, so that another process may take it away because a pair in it was
 * erased; it is then written again, without that pair.
 */
export function createFoldData({ folder, folds, hasSentences, images, isGone }: FoldDataOptions) {
  let chosen: number | null = null
  const examplesPath = join(folder, EXAMPLES_FILE)
  const foldsPath = join(folder, FOLDS_FILE)
  const files = [EXAMPLES_FILE, FEATURES_FILE, FOLDS_FILE, ...(hasSentences ? [SENTENCES_FILE] : [])]
  const isThere = (): boolean => files.every((name) => existsSync(join(folder, name)))

  const write = async (signal: AbortSignal): Promise<void> => {
    const foldsByRow: number[] = []
    async function* noted(): AsyncIterable<KeyedTrainingImage> {
      for await (const image of images(signal)) {
        foldsByRow.push(foldOf(image.splitKey, folds))
        yield image
      }
    }
    chosen = null
    await rm(foldsPath, { force: true })
    await writeTrainingData(folder, noted())
    await writeDurably(foldsPath, [Buffer.from(JSON.stringify(foldsByRow))])
  }

  /** Rewrites the examples with the images of the fold as those that a training is judged on. */
  const choose = async (fold: number): Promise<void> => {
    const foldsByRow = JSON.parse(await readFile(foldsPath, 'utf8')) as readonly number[]
    const rewritten = await open(`${examplesPath}.new`, 'w')
    try {
      let lines: string[] = []
      for await (const line of createInterface({ input: createReadStream(examplesPath) })) {
        const example = JSON.parse(line) as Example
        const role: Fold = foldsByRow[example.row] === fold ? 'development' : 'train'
        if (lines.push(`${JSON.stringify({ ...example, fold: role })}\n`) < LINES_AT_ONCE) continue
        await rewritten.writeFile(lines.join(''))
        lines = []
      }
      await rewritten.writeFile(lines.join(''))
      await rewritten.sync()
    } finally {
      await rewritten.close()
    }
    await rename(`${examplesPath}.new`, examplesPath)
    chosen = fold
  }

  return {
    /** Whether the data are there as they were written last. */
    isThere,
    /** Brings the data to where a training on this fold can start; false where somebody took them away meanwhile. */
    async ready(fold: number, signal: AbortSignal): Promise<boolean> {
      try {
        if (!isThere() || (await mayHold(folder, isGone))) await write(signal)
        if (chosen !== fold) await choose(fold)
        return isThere()
      } catch (error) {
        if (!isMissing(error)) throw error
        return false
      }
    },
    remove: (): Promise<void> => rm(folder, { recursive: true, force: true }),
  }
}

import { AppError } from './errors.ts'
import { sha256Hex } from './ids.ts'

export const splits = ['train', 'validation', 'fresh', 'test'] as const
export type Split = (typeof splits)[number]

const synonyms: ReadonlyMap<string, Split> = new Map([
  ['val', 'validation'],
  ['dev', 'validation'],
  ['valid', 'validation'],
  ['training', 'train'],
])

/** The split that a source names, or null when it names none. Throws `split-unknown`. */
export function parseSplit(text: string | null | undefined): Split | null {
  const name = text?.trim().toLowerCase() ?? ''
  if (name === '') return null
  const split = synonyms.get(name) ?? splits.find((known) => known === name)
  if (split === undefined) {
    throw new AppError(
      'split-unknown',
      `The split is none of ${splits.join(', ')} (or val, dev); leave it out to have one drawn.`,
    )
  }
  return split
}

/** A number in [0, 1) that depends on nothing but the two texts. */
export function hashShare(salt: string, key: string): number {
  return Number.parseInt(sha256Hex(`${salt}:${key}`).slice(0, 12), 16) / 2 ** 48
}

/** The split of an image whose source names none: 5 % validation, 5 % fresh, by hash of `splitKey`. */
export function drawSplit(splitKey: string): Split {
  const share = hashShare('split', splitKey)
  if (share < 0.05) return 'validation'
  return share < 0.1 ? 'fresh' : 'train'
}

/** Whether a training image is in the development fold: 10 %, by hash of `splitKey`. */
export const inDevelopmentFold = (splitKey: string): boolean => hashShare('development', splitKey) < 0.1

/**
 * What an image's set is once a second record names another: it stays where it is, but a conflict between named sets goes
 * to validation, so that nothing seen in training can be judged on.
 */
export const mergeSplits = (known: Split, named: Split | null): Split =>
  named === null || named === known ? known : 'validation'

/** Held-out pairs are searchable but neither counted nor trained on. */
export const isCounted = (split: Split): boolean => split === 'train'

import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import type { PairedImage, PairedScores } from '../../src/evaluation/paired-scores.ts'
import { referencePath } from '../fixtures/shared.ts'

export const scoresOf = (images: readonly Omit<PairedImage, 'imageId'>[]): PairedScores => ({
  label: 'NDCG@10, text to image',
  images: images.map((image, index) => ({ imageId: `i${index}`, ...image })),
})

export const swapRoles = (scores: PairedScores): PairedScores => ({
  ...scores,
  images: scores.images.map((image) => ({ ...image, champion: image.challenger, challenger: image.champion })),
})

const scoreArbitrary = fc.integer({ min: 0, max: 10 }).map((tenths) => tenths / 10)

/** Scores of up to 60 images in tenths, so that equal ones are common. */
export const scoresArbitrary = (minLength: number): fc.Arbitrary<PairedScores> =>
  fc
    .array(
      fc.record({ queries: fc.integer({ min: 1, max: 5 }), champion: scoreArbitrary, challenger: scoreArbitrary }),
      {
        minLength,
        maxLength: 60,
      },
    )
    .map(scoresOf)

type Reference = {
  challenger: number[]
  champion: number[]
  mean_difference: number
  ttest_rel_pvalue: number
  fisher_randomisation_two_sided_pvalue: number
  bootstrap_percentile_95: [number, number]
}

/** Two systems on the same 400 queries, each query an image of its own, with SciPy's verdicts. */
export async function pairedReference(): Promise<{ reference: Reference; scores: PairedScores }> {
  const reference = JSON.parse(await readFile(referencePath('paired.json'), 'utf8')) as Reference
  const scores = scoresOf(
    reference.champion.map((champion, index) => ({
      queries: 1,
      champion,
      challenger: reference.challenger[index] ?? NaN,
    })),
  )
  return { reference, scores }
}

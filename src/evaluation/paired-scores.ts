/** One image's scores under both models: means over its queries, which are its captions, or the image itself. */
export type PairedImage = {
  readonly imageId: string
  /** How many queries the means are over; at least 1. */
  readonly queries: number
  readonly champion: number
  readonly challenger: number
}

/** Two models on the same queries, grouped by image because the captions of one image are not independent. */
export type PairedScores = {
  /** What is compared, for people: `NDCG@10, text to image`. */
  readonly label: string
  readonly images: readonly PairedImage[]
}

/** Each image's part of the difference: the sum of (challenger - champion) over its queries, and how many there are. */
export type Differences = { readonly sums: Float64Array; readonly queries: Float64Array }

export function differencesOf({ images }: PairedScores): Differences {
  return {
    sums: Float64Array.from(images, ({ queries, champion, challenger }) => queries * (challenger - champion)),
    queries: Float64Array.from(images, ({ queries }) => queries),
  }
}

const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0)

/** The mean difference of a query, so that an image with more captions weighs more; 0 without queries. */
export function meanDifference({ sums, queries }: Differences): number {
  const count = total(queries)
  return count === 0 ? 0 : total(sums) / count
}

/** The mean score of a query under each model, and how many queries there are. */
export function meansOf({ images }: PairedScores): { champion: number; challenger: number; queries: number } {
  const queries = images.reduce((sum, image) => sum + image.queries, 0)
  const mean = (model: 'champion' | 'challenger'): number =>
    queries === 0 ? 0 : images.reduce((sum, image) => sum + image.queries * image[model], 0) / queries
  return { champion: mean('champion'), challenger: mean('challenger'), queries }
}

/** Both sets as one; `second` may be missing. */
export const pool = (first: PairedScores, second: PairedScores | null): PairedScores => ({
  label: first.label,
  images: [...first.images, ...(second?.images ?? [])],
})

/** The slice of the images that `keep` chooses, under a name of its own. */
export const slice = (scores: PairedScores, name: string, keep: (imageId: string) => boolean): PairedScores => ({
  label: `${scores.label}, ${name}`,
  images: scores.images.filter(({ imageId }) => keep(imageId)),
})

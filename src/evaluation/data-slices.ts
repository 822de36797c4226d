import type { LivePair } from '../catalogue/catalogue.ts'

/** A part of the held-out images that a promotion may not hurt, however good the whole becomes. */
export type DataSlice = { readonly name: string; readonly imageIds: ReadonlySet<string> }

/** Of more sources, only so many of the largest are looked at: each further look is one more chance of a false alarm. */
const SOURCES = 10
/** Fewer images prove nothing either way. */
const LEAST_IMAGES = 20

/**
 * The slices that every data set has: images whose captions are short (the shortest third by mean number of words), those whose
 * captions are long (the longest third), and, where there are several, the kinds of source (`flickr8k` of `flickr8k:123.jpg`).
 */
export function dataSlices(captions: readonly LivePair[], sourceOf: (imageId: string) => string | null): DataSlice[] {
  return [...byLength(captions), ...bySource(new Set(captions.map(({ imageId }) => imageId)), sourceOf)]
}

function byLength(captions: readonly LivePair[]): DataSlice[] {
  const sums = new Map<string, { words: number; captions: number }>()
  for (const { imageId, caption } of captions) {
    const { words, captions: number } = sums.get(imageId) ?? { words: 0, captions: 0 }
    sums.set(imageId, { words: words + caption.split(' ').length, captions: number + 1 })
  }
  const means = [...sums].map(([imageId, sum]) => ({ imageId, words: sum.words / sum.captions }))
  means.sort((a, b) => a.words - b.words || (a.imageId < b.imageId ? -1 : 1))
  const third = Math.floor(means.length / 3)
  const idsOf = (images: typeof means): ReadonlySet<string> => new Set(images.map(({ imageId }) => imageId))
  return [
    { name: 'short captions', imageIds: idsOf(means.slice(0, third)) },
    { name: 'long captions', imageIds: idsOf(means.slice(means.length - third)) },
  ]
}

function bySource(imageIds: ReadonlySet<string>, sourceOf: (imageId: string) => string | null): DataSlice[] {
  const sources = new Map<string, Set<string>>()
  for (const imageId of imageIds) {
    const source = sourceOf(imageId)?.split(':', 1)[0]
    if (source !== undefined) sources.set(source, (sources.get(source) ?? new Set()).add(imageId))
  }
  if (sources.size < 2) return []
  const telling = [...sources].filter(([, images]) => images.size >= LEAST_IMAGES)
  const largest = telling.sort(([, a], [, b]) => b.size - a.size).slice(0, SOURCES)
  return largest.map(([source, images]) => ({ name: `source ${source}`, imageIds: images }))
}

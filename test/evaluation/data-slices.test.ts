import { expect, it } from 'vitest'
import type { LivePair } from '../../src/catalogue/catalogue.ts'
import { dataSlices } from '../../src/evaluation/data-slices.ts'

const pair = (imageId: string, words: number): LivePair => ({
  pairId: `${imageId}-${words}`,
  imageId,
  caption: Array.from({ length: words }, () => 'word').join(' '),
  split: 'validation',
  splitKey: imageId,
})
const namesAndIds = (slices: ReturnType<typeof dataSlices>) =>
  Object.fromEntries(slices.map(({ name, imageIds }) => [name, [...imageIds].sort()]))

it('cuts by the mean length of the captions of an image', () => {
  // By mean words: a 2, b 3, c 4, d 5, e 6, f 7; of captions alone, c would be both the shortest and the longest.
  const captions = [pair('a', 2), pair('c', 1), pair('c', 7), pair('b', 3), pair('f', 7), pair('e', 6), pair('d', 5)]
  expect(namesAndIds(dataSlices(captions, () => 'folder:a.jpg'))).toEqual({
    'short captions': ['a', 'b'],
    'long captions': ['e', 'f'],
  })
})

it('cuts by kind of source where there are several, and passes over those with few images', () => {
  const sizes = Object.entries({ folder: 20, http: 25, captions: 19 })
  const captions = sizes.flatMap(([source, size]) =>
    Array.from({ length: size }, (_, i) => pair(`${source}:${i}.jpg`, 3)),
  )
  const bySource = dataSlices(captions, (imageId) => imageId).filter(({ name }) => name.startsWith('source'))
  expect(bySource.map(({ name, imageIds }) => [name, imageIds.size])).toEqual([
    ['source http', 25],
    ['source folder', 20],
  ])
})

import type { ExampleSet } from './example-set.ts'
import { randomStream, shuffle } from './random.ts'

/**
 * The order of an epoch, a function of seed and epoch: the numbers of examples in batches of `batchSize`, what is left over dropped. An
 * image's captions come in different rounds through the images, so that one batch seldom holds two of them.
 */
export function planEpoch(
  { length, imageStarts }: Pick<ExampleSet, 'length' | 'imageStarts'>,
  batchSize: number,
  seed: number,
  epoch: number,
): readonly Uint32Array[] {
  const random = randomStream(seed, epoch)
  const images = imageStarts.length - 1
  const captions = Uint32Array.from({ length }, (_, example) => example)
  let rounds = 0
  for (let image = 0; image < images; image++) {
    const own = captions.subarray(imageStarts[image], imageStarts[image + 1])
    shuffle(own, random)
    rounds = Math.max(rounds, own.length)
  }
  const order = new Uint32Array(length)
  let planned = 0
  for (let round = 0; round < rounds; round++) {
    const from = planned
    for (let image = 0; image < images; image++) {
      const at = (imageStarts[image] as number) + round
      if (at < (imageStarts[image + 1] as number)) order[planned++] = captions[at] as number
    }
    shuffle(order.subarray(from, planned), random)
  }
  return Array.from({ length: Math.floor(length / batchSize) }, (_, batch) =>
    order.subarray(batch * batchSize, (batch + 1) * batchSize),
  )
}

/** Writes 1 where an image and a caption of the batch belong together: same pair, same image, or same caption. */
export function fillMatches(
  { row, captionKey }: Pick<ExampleSet, 'row' | 'captionKey'>,
  batch: Uint32Array,
  matches: Float32Array,
  labelSmoothing = 0,
): void {
  const size = batch.length
  const rows = Array.from(batch, row)
  const keys = Array.from(batch, captionKey)
  matches.fill(labelSmoothing / ((1 - labelSmoothing) * (size - 1)))
  for (let i = 0; i < size; i++) {
    matches[i * size + i] = 1
    for (let j = 0; j < i; j++) {
      if (rows[i] === rows[j] || keys[i] === keys[j]) {
        matches[i * size + j] = 1
        matches[j * size + i] = 1
      }
    }
  }
}

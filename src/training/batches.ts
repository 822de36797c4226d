import { randomStream, shuffle } from './random.ts'

/** An example as training sees it: the rows of its features and of its caption's embedding, its words, and a number shared by equal captions. */
export type EncodedExample = {
  readonly row: number
  readonly sentence: number
  readonly ids: readonly number[]
  readonly captionGroup: number
}

/**
 * The order of an epoch, a function of seed and epoch: examples in batches of `batchSize`, what is left over dropped. An image's captions
 * come in different rounds through the images, so that one batch seldom holds two of them.
 */
export function planEpoch(
  examples: readonly EncodedExample[],
  batchSize: number,
  seed: number,
  epoch: number,
): readonly (readonly EncodedExample[])[] {
  const random = randomStream(seed, epoch)
  const byImage = new Map<number, EncodedExample[]>()
  for (const example of examples) {
    const captions = byImage.get(example.row)
    if (captions === undefined) byImage.set(example.row, [example])
    else captions.push(example)
  }
  const images = [...byImage.values()].map((captions) => shuffle(captions, random))
  const rounds = Math.max(...images.map((captions) => captions.length))
  const order = Array.from({ length: rounds }, (_, round) =>
    shuffle(
      images.flatMap((captions) => captions[round] ?? []),
      random,
    ),
  ).flat()
  return Array.from({ length: Math.floor(order.length / batchSize) }, (_, batch) =>
    order.slice(batch * batchSize, (batch + 1) * batchSize),
  )
}

/** Writes 1 where an image and a caption of the batch belong together: same pair, same image, or same caption. */
export function fillMatches(batch: readonly EncodedExample[], matches: Float32Array): void {
  const size = batch.length
  matches.fill(0)
  for (const [i, a] of batch.entries()) {
    matches[i * size + i] = 1
    for (let j = 0; j < i; j++) {
      const b = batch[j]
      if (b !== undefined && (a.row === b.row || a.captionGroup === b.captionGroup)) {
        matches[i * size + j] = 1
        matches[j * size + i] = 1
      }
    }
  }
}

import { imageHeadFile, textModelFile, type Weights } from './definitions/serving.ts'
import type { DualEncoderShape } from './definitions/shape.ts'
import { openOnnxSession } from '../models/onnx-session.ts'
import { createGraph } from '../models/onnx/graph.ts'
import type { FeatureSources } from './batch-tensors.ts'
import { planEpoch } from './batches.ts'
import { loadDevelopmentFold, textInputs } from './development-recall.ts'
import type { ExampleSet } from './example-set.ts'
import { randomStream, shuffle } from './random.ts'

const CHUNK = 512

/** How hard each caption is: the sum of what its words tell, in nats ("Competence-based Curriculum Learning for Neural Machine Translation", 2019, section 2.1). */
function difficulties(examples: ExampleSet): Float64Array {
  const counts = new Map<number, number>()
  let total = 0
  for (let example = 0; example < examples.length; example++) {
    for (const id of examples.words(example)) {
      counts.set(id, (counts.get(id) ?? 0) + 1)
      total++
    }
  }
  return Float64Array.from({ length: examples.length }, (_, example) =>
    examples.words(example).reduce((sum, id) => sum - Math.log((counts.get(id) ?? 1) / total), 0),
  )
}

/** An epoch over the easiest captions: a share that grows from `start` to all of them by the middle of the training, its square linearly. */
export function planEasyEpoch(
  examples: ExampleSet,
  batchSize: number,
  seed: number,
  epoch: number,
  epochs: number,
  start: number,
): readonly Uint32Array[] {
  const share = Math.min(1, Math.sqrt(start ** 2 + (1 - start ** 2) * ((epoch - 1) / (epochs / 2))))
  const batches = Math.floor(examples.length / batchSize)
  if (share >= 1) return planEpoch(examples, batchSize, seed, epoch)
  const hardness = difficulties(examples)
  const limit = Float64Array.from(hardness).sort()[Math.floor(examples.length * share)] ?? Infinity
  const easy: number[] = []
  const imageStarts: number[] = []
  for (let image = 0; image < examples.imageStarts.length - 1; image++) {
    const before = easy.length
    for (let at = examples.imageStarts[image] ?? 0; at < (examples.imageStarts[image + 1] ?? 0); at++) {
      if ((hardness[at] ?? 0) <= limit) easy.push(at)
    }
    if (easy.length > before) imageStarts.push(before)
  }
  imageStarts.push(easy.length)
  const part = { length: easy.length, imageStarts: Uint32Array.from(imageStarts) }
  const planned: Uint32Array[] = []
  for (let time = 0; planned.length < batches; time++) {
    planned.push(...planEpoch(part, batchSize, seed, epoch + 1000 * time))
  }
  return planned.slice(0, batches).map((batch) => batch.map((at) => easy[at] ?? 0))
}

/** Groups of images whose captions and pictures are taken for one another, by the weights of the epoch before. */
async function mineGroups(
  examples: ExampleSet,
  sources: FeatureSources,
  views: number,
  shape: DualEncoderShape,
  weights: Weights,
  threads: number,
  size: number,
  seed: number,
  epoch: number,
): Promise<number[][]> {
  const fold = loadDevelopmentFold(examples, sources, views, shape, Infinity)
  const head = await openOnnxSession(imageHeadFile(shape, weights), { threads })
  const text = await openOnnxSession(textModelFile(shape, weights), { threads })
  const { image_embeds } = await head.run(
    { features: { data: fold.features, shape: [fold.images, shape.featureWidth] } },
    ['image_embeds'],
  )
  const width = shape.embeddingWidth
  const means = new Float32Array(fold.images * width)
  for (let from = 0; from < fold.captions.length; from += CHUNK) {
    const chunk = fold.captions.slice(from, from + CHUNK)
    const { text_embeds } = await text.run(textInputs(chunk, shape), ['text_embeds'])
    for (const [row, { image }] of chunk.entries()) {
      for (let i = 0; i < width; i++)
        means[image * width + i] = (means[image * width + i] ?? 0) + (text_embeds.data[row * width + i] as number)
    }
  }
  await Promise.all([head.close(), text.close()])
  const graph = createGraph('similarity')
  const a = graph.input('a', 'float32', ['n', 'w'])
  const b = graph.input('b', 'float32', ['m', 'w'])
  graph.output('s', graph.node('Gemm', [a, b], { transB: 1 }), 'float32', ['n', 'm'])
  const similarity = await openOnnxSession(graph.encode(), { threads })
  const images = image_embeds.data as Float32Array
  const order = shuffle(
    Uint32Array.from({ length: fold.images }, (_, i) => i),
    randomStream(seed, epoch, 77),
  )
  const taken = new Uint8Array(fold.images)
  const groups: number[][] = []
  const { s } = await similarity.run(
    { a: { data: means, shape: [fold.images, width] }, b: { data: images, shape: [fold.images, width] } },
    ['s'],
  )
  const scores = s.data as Float32Array
  for (const image of order) {
    if (taken[image] === 1) continue
    taken[image] = 1
    const group = [image]
    while (group.length < size) {
      let best = -1
      let bestScore = -Infinity
      for (let other = 0; other < fold.images; other++) {
        if (taken[other] === 1) continue
        const score = (scores[image * fold.images + other] ?? 0) + (scores[other * fold.images + image] ?? 0)
        if (score > bestScore) {
          bestScore = score
          best = other
        }
      }
      if (best < 0) break
      taken[best] = 1
      group.push(best)
    }
    groups.push(group)
  }
  await similarity.close()
  return groups
}

/** An epoch in which the images of a group stand in one batch. */
export async function planMinedEpoch(
  examples: ExampleSet,
  batchSize: number,
  seed: number,
  epoch: number,
  mining: {
    sources: FeatureSources
    views: number
    shape: DualEncoderShape
    weights: Weights
    threads: number
    size: number
  },
): Promise<readonly Uint32Array[]> {
  const { sources, views, shape, weights, threads, size } = mining
  const groups = await mineGroups(examples, sources, views, shape, weights, threads, size, seed, epoch)
  const random = randomStream(seed, epoch)
  const captions = Uint32Array.from({ length: examples.length }, (_, i) => i)
  let rounds = 0
  for (let image = 0; image < examples.imageStarts.length - 1; image++) {
    const own = captions.subarray(examples.imageStarts[image], examples.imageStarts[image + 1])
    shuffle(own, random)
    rounds = Math.max(rounds, own.length)
  }
  const order: number[] = []
  for (let round = 0; round < rounds; round++) {
    const places = shuffle(
      Uint32Array.from({ length: groups.length }, (_, i) => i),
      random,
    )
    for (const place of places) {
      for (const image of groups[place] ?? []) {
        const at = (examples.imageStarts[image] ?? 0) + round
        if (at < (examples.imageStarts[image + 1] ?? 0)) order.push(captions[at] ?? 0)
      }
    }
  }
  return Array.from({ length: Math.floor(order.length / batchSize) }, (_, batch) =>
    Uint32Array.from(order.slice(batch * batchSize, (batch + 1) * batchSize)),
  )
}

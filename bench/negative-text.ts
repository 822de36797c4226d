/**
 * What a negative text does to the ten best pictures, by how it is taken away, on the development fold of Flickr8k and on its validation images:
 *
 *     node --import tsx bench/negative-text.ts [--threads N] [--seed N] [--json] [--update]
 *
 * A query is "a dog" without "water", over all pairs of common words of which at least ten pictures have both and ten only the first. A picture has what is wanted
 * where two of its captions say so, and what is not wanted where one does. The peer is the query alone. Choices are made by the development fold; the
 * model is that of `bench/relevance.ts`, which did not learn from either.
 */
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inDevelopmentFold } from '../src/core/split.ts'
import { dot, normalise } from '../src/core/vector.ts'
import { flickrModel } from './support/flickr8k-model.ts'
import type { FlickrImage } from './support/flickr8k-features.ts'
import { readOptions } from './support/options.ts'
import { present } from './support/report.ts'

const words = (
  'dog man woman boy girl child baby people water ball snow beach grass street bike bicycle car mountain rock tree field ocean shirt jacket hat ' +
  'skateboard pool toy horse crowd building bench camera football soccer swing sand river lake road wall sign rope boat stick'
).split(' ')
const TOP = 10
const LEAST = 10

const options = readOptions()
if (options.dataset === null) throw new Error('This benchmark needs the photographs and models beside the checkout.')
const { threads, seed } = options
const model = await flickrModel(dirname(options.dataset), join(tmpdir(), 'pairstream-bench'), { seed, threads })
const vectors = await model.texts.encode(words.map((word) => `a ${word}`))
await model.texts.close()

type Way = { readonly name: string; readonly query: (wanted: Float32Array, unwanted: Float32Array) => Float32Array }
const minus = (a: Float32Array, b: Float32Array, weight: number): Float32Array =>
  normalise(a.map((value, i) => value - weight * (b[i] ?? 0)))
const ways: readonly Way[] = [
  { name: 'the query alone (peer)', query: (wanted) => wanted },
  ...[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1].map((weight) => ({
    name: `less ${weight} of the negative text`,
    query: (wanted: Float32Array, unwanted: Float32Array) => minus(wanted, unwanted, weight),
  })),
  {
    name: 'orthogonal to the negative text',
    query: (wanted, unwanted) => minus(wanted, unwanted, dot(wanted, unwanted)),
  },
]

/** Of the ten best, the means over pairs of words: those with what is wanted alone, with what is wanted, and with what is not. */
function measure(images: readonly FlickrImage[], { query }: Way) {
  const says = words.map((word) => {
    const pattern = new RegExp(`\\b${word}s?\\b`, 'i')
    return images.map(({ captions }) => captions.filter((caption) => pattern.test(caption)).length)
  })
  const has = (word: number, image: number, least: number): boolean => (says[word]?.[image] ?? 0) >= least
  const pairs = words.flatMap((_, a) => words.flatMap((_, b) => (a === b ? [] : [[a, b] as const])))
  const common = pairs.filter(([a, b]) => {
    const wanted = [...images.keys()].filter((image) => has(a, image, 2))
    const both = wanted.filter((image) => has(b, image, 1)).length
    return both >= LEAST && wanted.length - both >= LEAST
  })
  const shares = common.map(([a, b]) => {
    const vector = query(vectors[a] ?? new Float32Array(), vectors[b] ?? new Float32Array())
    const best = images
      .map(({ row }, image) => ({ image, score: dot(vector, model.imageVectors[row] ?? new Float32Array()) }))
      .sort((one, other) => other.score - one.score)
      .slice(0, TOP)
    const share = (holds: (image: number) => boolean) => best.filter(({ image }) => holds(image)).length / TOP
    return [
      share((image) => has(a, image, 2) && !has(b, image, 1)),
      share((image) => has(a, image, 2)),
      share((image) => has(b, image, 1)),
    ]
  })
  return [0, 1, 2].map((i) => shares.reduce((sum, row) => sum + (row[i] ?? 0), 0) / shares.length)
}

const sets = [
  { name: 'development', images: model.train.filter(({ name }) => inDevelopmentFold(name)) },
  { name: 'validation', images: model.validation },
]
await present(
  {
    name: 'negative-text',
    setting: [
      `Shares of the ten best pictures, means over pairs of words: with what is wanted and without what is not; with what is wanted; with what is not. Seed ${seed}.`,
    ],
    tables: sets.map(({ name, images }) => ({
      columns: [`${name}, ${images.length} images`, 'wanted alone', 'wanted', 'not wanted'],
      rows: ways.map((way) => [way.name, ...measure(images, way)]),
    })),
    targets: [],
  },
  options,
)

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { numpy as np } from '@jax-js/jax'
import { openOnnxSession } from '../../../src/models/onnx-session.ts'
import { bucketOf, bucketsOf, MOST_BUCKETS } from '../../../src/training/definitions/bigrams.ts'
import { textModelFile } from '../../../src/training/definitions/serving.ts'
import { parameterShapes } from '../../../src/training/definitions/shape.ts'
import { lowerProgram, startJax, type Program, type Signature } from '../../../src/training/lowering/trace.ts'
import { knownWords, readingOf } from '../../../src/training/word-readings.ts'
import { createWordTable } from '../../../src/training/word-table.ts'
import { runFile, valuesFor } from '../lowering/run-program.ts'

beforeAll(startJax)

const LARGEST_ID = 999_999
const ids = fc.integer({ min: 0, max: LARGEST_ID })

describe('the bucket of two neighbours', () => {
  it('is the same in a graph as outside of it, whatever the words and the buckets', async () => {
    const program =
      (buckets: number): Program =>
      ({ first, second }) => ({ found: bucketsOf(first as np.Array, second as np.Array, buckets) })
    const pairs = fc.array(fc.tuple(ids, ids), { minLength: 20, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: MOST_BUCKETS }), pairs, async (buckets, drawn) => {
        const given = [...drawn, [LARGEST_ID, LARGEST_ID] as const, [buckets - 1, LARGEST_ID] as const]
        const shape = [given.length]
        const signature: Signature = { first: { shape, type: 'int32' }, second: { shape, type: 'int32' } }
        const values = {
          first: Int32Array.from(given, ([first]) => first),
          second: Int32Array.from(given, ([, second]) => second),
        }
        const { found } = await runFile(lowerProgram('buckets', program(buckets), signature), signature, values)
        const expected = given.map(([first, second]) => bucketOf(first, second, buckets))
        expect([...(found ?? [])]).toEqual(expected)
        expect(expected.every((bucket) => bucket >= 0 && bucket < buckets)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  it('is seldom that of other frequent words, in either order', () => {
    for (const buckets of [1_000, 4_096, 9_999, 16_384, 32_768, MOST_BUCKETS]) {
      // As many pairs of the most frequent words as half of the buckets would hold.
      const side = Math.floor(Math.sqrt(buckets / 2))
      const found = new Set<number>()
      for (let first = 2; first < 2 + side; first++) {
        for (let second = 2; second < 2 + side; second++) found.add(bucketOf(first, second, buckets))
      }
      // Drawn at random, pairs would share buckets so that 79 % as many were used: 2 (1 - exp(-1/2)).
      expect(found.size / side ** 2, String(buckets)).toBeGreaterThan(0.79)
      expect(bucketOf(3, 7, buckets)).not.toBe(bucketOf(7, 3, buckets))
    }
  })
})

describe('a bag of words with bigrams', () => {
  const WIDTH = 5
  const VOCABULARY = 30
  const words = { kind: 'bag' as const, width: WIDTH, bigramBuckets: 12 }
  const base = { featureWidth: 3, imageHead: { kind: 'linear' as const }, embeddingWidth: WIDTH, maxLength: 6 }
  const shape = { ...base, words, sentenceWidth: null }
  const identity = Float32Array.from({ length: WIDTH ** 2 }, (_, i) => (i % (WIDTH + 1) === 0 ? 1 : 0))
  const signature = {
    ...Object.fromEntries(Object.entries(parameterShapes(shape)).map(([name, sizes]) => [name, { shape: sizes }])),
    words: { shape: [VOCABULARY + words.bigramBuckets, WIDTH] },
  }
  // A projection that changes nothing, so that what is served is the bag at unit length.
  const weights: Record<string, Float32Array> = {
    ...(valuesFor(signature) as Record<string, Float32Array>),
    words_projection_weight: identity,
    words_projection_bias: new Float32Array(WIDTH),
  }
  const table = weights['words'] ?? new Float32Array(0)
  const captions = fc.array(fc.integer({ min: 1, max: VOCABULARY - 1 }), { maxLength: 6 })

  it('reads in training what it reads when it serves', async () => {
    const session = await openOnnxSession(textModelFile(shape, weights))
    await fc.assert(
      fc.asyncProperty(fc.array(captions, { minLength: 1, maxLength: 5 }), async (batch) => {
        const bags = new Float32Array(batch.length * WIDTH)
        const known = batch.map((caption) => [...knownWords(Int32Array.from(caption))])
        createWordTable(table, WIDTH, readingOf(words, VOCABULARY + words.bigramBuckets)).embed(known, bags)
        const padded = batch.flatMap((caption) => [...caption, 0, 0, 0, 0, 0, 0].slice(0, 6))
        const sizes = [batch.length, 6]
        const feeds = {
          input_ids: { data: BigInt64Array.from(padded, BigInt), shape: sizes },
          attention_mask: { data: BigInt64Array.from(padded, (id) => (id === 0 ? 0n : 1n)), shape: sizes },
        }
        const { text_embeds } = await session.run(feeds, ['text_embeds'])
        for (const row of batch.keys()) {
          const bag = bags.subarray(row * WIDTH, (row + 1) * WIDTH)
          const length = Math.hypot(...bag)
          for (const [i, value] of bag.entries()) {
            expect(text_embeds.data[row * WIDTH + i]).toBeCloseTo(length === 0 ? 0 : value / length, 4)
          }
        }
      }),
    )
    await session.close()
  })

  it('has no pair across a word that is unknown or was dropped out', () => {
    const pairsOf = (caption: readonly number[]): number[] => {
      const found: number[] = []
      readingOf(words, VOCABULARY + words.bigramBuckets)([caption], (id) => found.push(id))
      return found.filter((id) => id >= VOCABULARY)
    }
    expect(pairsOf([4, 0, 5])).toEqual([])
    expect(pairsOf([4, 5, 0, 6, 7])).toEqual([
      VOCABULARY + bucketOf(4, 5, words.bigramBuckets),
      VOCABULARY + bucketOf(6, 7, words.bigramBuckets),
    ])
    expect([...knownWords(Int32Array.of(4, 1, 5))]).toEqual([4, 0, 5])
  })

  it('reads words alone where a text holds no two', async () => {
    const single = { ...shape, maxLength: 1 }
    const session = await openOnnxSession(textModelFile(single, weights))
    const feeds = {
      input_ids: { data: BigInt64Array.of(4n), shape: [1, 1] },
      attention_mask: { data: BigInt64Array.of(1n), shape: [1, 1] },
    }
    const { text_embeds } = await session.run(feeds, ['text_embeds'])
    await session.close()
    const word = table.subarray(4 * WIDTH, 5 * WIDTH)
    for (const [i, value] of word.entries()) expect(text_embeds.data[i]).toBeCloseTo(value / Math.hypot(...word), 5)
  })
})

import { beforeAll, describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../src/core/ids.ts'
import { openOnnxSession } from '../../../src/models/onnx-session.ts'
import { textModelFile } from '../../../src/training/definitions/serving.ts'
import { parameterShapes, trainedInput, type DualEncoderShape } from '../../../src/training/definitions/shape.ts'
import { gradientOf, stepSignature, trainingStep } from '../../../src/training/definitions/training-step.ts'
import { lowerProgram, startJax } from '../../../src/training/lowering/trace.ts'
import { largestDifference, runFile, runInJax, slopesOf, valuesFor, type Values } from '../lowering/run-program.ts'

beforeAll(startJax)

const BATCH = 4
const base = {
  featureWidth: 6,
  embeddingWidth: 5,
  imageHead: { kind: 'linear' as const },
  maxLength: 3,
  sentenceWidth: null,
}
const shapes: Readonly<Record<string, DualEncoderShape>> = {
  gru: { ...base, words: { kind: 'gru', width: 4, hidden: 6 } },
  lstm: { ...base, words: { kind: 'lstm', width: 4, hidden: 6 } },
  transformer: { ...base, words: { kind: 'transformer', width: 8, layers: 2, heads: 2 } },
  'sentence encoder': { ...base, words: null, sentenceWidth: 7 },
  'adapters over a CLIP': { ...base, embeddingWidth: 6, words: null, sentenceWidth: 6, adapterWidth: 4 },
  'attention to regions': {
    ...base,
    featureWidth: 6 + 4 * 3,
    embeddingWidth: 6,
    imageHead: { kind: 'attention', regions: { count: 4, width: 3 }, heads: 2 },
    words: { kind: 'bag', width: 4 },
  },
  'bag of words and sentence encoder': { ...base, words: { kind: 'bag', width: 4 }, sentenceWidth: 7 },
}

/** A batch in which texts have one to three words. */
function batchValues(shape: DualEncoderShape, seed: number): Values {
  const signature = stepSignature(shape, BATCH)
  const identity = Float32Array.from({ length: BATCH * BATCH }, (_, i) => (i % (BATCH + 1) === 0 ? 1 : 0))
  const mask = Float32Array.from({ length: 3 * BATCH }, (_, i) => (Math.floor(i / BATCH) <= i % 3 ? 1 : 0))
  const values = { ...valuesFor(signature, seed), matches: identity, logit_scale: Float32Array.of(1.5) }
  return 'word_mask' in signature ? { ...values, word_mask: mask } : values
}

describe.each(Object.entries(shapes))('training step with %s', (_, shape) => {
  const signature = stepSignature(shape, BATCH)
  const trained = [...Object.keys(parameterShapes(shape)), trainedInput(shape) ?? []].flat()

  it('agrees with jax-js in loss and in every gradient', async () => {
    const file = lowerProgram('training_step', trainingStep(shape), signature)
    for (const seed of [1, 2]) {
      const values = batchValues(shape, seed)
      const expected = await runInJax(trainingStep(shape), signature, values)
      expect(Object.keys(expected).sort()).toEqual([...trained.map(gradientOf), 'loss'].sort())
      expect(largestDifference(expected, await runFile(file, signature, values))).toBeLessThan(1e-5)
    }
  })

  it('has the gradients that finite differences give', async () => {
    const file = lowerProgram('training_step', trainingStep(shape), signature)
    const values = batchValues(shape, 3)
    for (const { name, gradient, slope } of await slopesOf(file, signature, values, trained, 0.01)) {
      expect(gradient, name).toBeCloseTo(slope, 3)
    }
  })

  it('gives the same bits every time, whatever the number of threads', async () => {
    const wide: DualEncoderShape = {
      ...shape,
      embeddingWidth: 64,
      words: shape.words === null ? null : { ...shape.words, width: 64 },
      ...(shape.adapterWidth === undefined ? {} : { featureWidth: 64, sentenceWidth: 64 }),
    }
    const large = stepSignature(wide, 64)
    const bytes = lowerProgram('training_step', trainingStep(wide), large)
    const values = { ...valuesFor(large), matches: new Float32Array(64 * 64).fill(1) }
    const hashes = new Set<string>()
    for (const threads of [1, 2, 2, 2]) {
      const results = Object.entries(await runFile(bytes, large, values, threads)).sort(([a], [b]) => (a < b ? -1 : 1))
      hashes.add(results.map(([name, { buffer }]) => name + sha256Hex(new Uint8Array(buffer))).join())
    }
    expect(hashes.size).toBe(1)
  })
})

describe.each(Object.entries(shapes))('text model with %s', (_, shape) => {
  const VOCABULARY = 9
  const weights = valuesFor({
    ...Object.fromEntries(Object.entries(parameterShapes(shape)).map(([name, sizes]) => [name, { shape: sizes }])),
    words: { shape: [VOCABULARY, shape.words?.width ?? 1] },
  }) as Record<string, Float32Array>
  const sentence = (row: number) => Array.from({ length: shape.sentenceWidth ?? 0 }, (_, i) => Math.cos(row + i))

  /** Unit embeddings of texts given by their ids, padded to the length of the model. */
  async function embed(texts: readonly (readonly number[])[]): Promise<Float32Array> {
    const session = await openOnnxSession(textModelFile(shape, weights))
    const padded = texts.flatMap((ids) => [...ids, 0, 0, 0].slice(0, 3))
    const sizes = [texts.length, 3]
    const { text_embeds } = await session.run(
      {
        ...(shape.words === null
          ? {}
          : {
              input_ids: { data: BigInt64Array.from(padded, BigInt), shape: sizes },
              attention_mask: { data: BigInt64Array.from(padded, (id) => (id === 0 ? 0n : 1n)), shape: sizes },
            }),
        ...(shape.sentenceWidth === null
          ? {}
          : {
              sentence_embeds: {
                data: Float32Array.from(texts.flatMap((_, row) => sentence(row))),
                shape: [texts.length, shape.sentenceWidth],
              },
            }),
      },
      ['text_embeds'],
    )
    await session.close()
    return text_embeds.data
  }

  it('gives texts the embeddings that they have by themselves, at unit length', async () => {
    const texts = [[4, 5, 6], [7], [2, 8]]
    const together = await embed(texts)
    const width = shape.embeddingWidth
    for (const [row] of texts.entries()) {
      const own = together.subarray(row * width, (row + 1) * width)
      expect(Math.hypot(...own)).toBeCloseTo(1, 5)
    }
    const alone = await embed(texts.slice(0, 1))
    for (const [i, value] of alone.entries()) expect(together[i]).toBeCloseTo(value, 5)
  })

  it('gives an empty text an embedding, too', async () => {
    expect((await embed([[]])).every(Number.isFinite)).toBe(true)
  })
})

describe('recurrent layers', () => {
  it('keep their state where a word is unknown, as if it were not there', async () => {
    for (const name of ['gru', 'lstm'] as const) {
      const shape = shapes[name]
      if (shape === undefined) throw new Error(`no ${name}`)
      const weights = valuesFor({
        ...Object.fromEntries(Object.entries(parameterShapes(shape)).map(([key, sizes]) => [key, { shape: sizes }])),
        words: { shape: [9, 4] },
      }) as Record<string, Float32Array>
      const session = await openOnnxSession(textModelFile(shape, weights))
      const run = async (ids: bigint[], mask: bigint[]) => {
        const feeds = { input_ids: BigInt64Array.from(ids), attention_mask: BigInt64Array.from(mask) }
        const inputs = Object.entries(feeds).map(([key, data]) => [key, { data, shape: [1, 3] }] as const)
        return (await session.run(Object.fromEntries(inputs), ['text_embeds'])).text_embeds.data
      }
      const plain = await run([4n, 5n, 0n], [1n, 1n, 0n])
      const between = await run([4n, 1n, 5n], [1n, 1n, 1n])
      const other = await run([5n, 4n, 0n], [1n, 1n, 0n])
      await session.close()
      for (const [i, value] of plain.entries()) expect(between[i]).toBeCloseTo(value, 5)
      expect(Math.hypot(...plain.map((value, i) => value - (other[i] ?? 0)))).toBeGreaterThan(1e-3)
    }
  })
})

import { beforeAll, describe, expect, it } from 'vitest'
import { MAXIMUM_LOGIT_SCALE } from '../../../src/training/definitions/dual-encoder.ts'
import { gradientOf, stepSignature, trainingStep } from '../../../src/training/definitions/training-step.ts'
import { lowerProgram, startJax } from '../../../src/training/lowering/trace.ts'
import { sha256Hex } from '../../../src/core/ids.ts'
import { largestDifference, runFile, runInJax, valuesFor, type Values } from '../lowering/run-program.ts'

const BATCH = 6
const words = { kind: 'bag' as const, width: 7 }
const shape = {
  featureWidth: 10,
  embeddingWidth: 5,
  imageHead: { kind: 'linear' as const },
  maxLength: 4,
  words,
  sentenceWidth: null,
}
const signature = stepSignature(shape, BATCH)
const trained = [
  'bags',
  'image_projection_bias',
  'image_projection_weight',
  'logit_scale',
  'words_projection_bias',
  'words_projection_weight',
]

/** A batch in which two of the pairs share an image. */
function batchValues(seed: number): Values {
  const matches = Float32Array.from({ length: BATCH * BATCH }, (_, i) => (i % (BATCH + 1) === 0 ? 1 : 0))
  matches[1] = 1
  matches[BATCH] = 1
  return {
    ...valuesFor(signature, seed),
    matches,
    logit_scale: Float32Array.of(1.5),
    feature_dropout: Float32Array.from({ length: BATCH * 10 }, (_, i) => (i % 3 === 0 ? 0 : 1.5)),
  }
}

let file: Uint8Array
beforeAll(async () => {
  await startJax()
  file = lowerProgram('training_step', trainingStep(shape), signature)
})
const lossOf = async (values: Values) => (await runFile(file, signature, values))['loss']?.[0] ?? Number.NaN

/** The loss, written out by the book in double precision. */
function plainLoss(values: Values): number {
  const at = (name: string) => values[name] ?? new Float32Array(0)
  const unit = (row: number[]) =>
    row.map((value) => value / Math.sqrt(row.reduce((sum, other) => sum + other * other, 1e-12)))
  const project = (row: number[], tower: string) =>
    Array.from({ length: 5 }, (_, column) =>
      row.reduce(
        (sum, value, i) => sum + value * (at(`${tower}_weight`)[i * 5 + column] ?? 0),
        at(`${tower}_bias`)[column] ?? 0,
      ),
    )
  const rows = Array.from({ length: BATCH }, (_, row) => row)
  const images = rows.map((row) => {
    const features = Array.from({ length: 10 }, (_, i) => {
      const value = at('features')[row * 10 + i] ?? 0
      return (
        (value - (at('feature_mean')[i] ?? 0)) *
        (at('feature_scale')[i] ?? 0) *
        (at('feature_dropout')[row * 10 + i] ?? 0)
      )
    })
    return unit(project(features, 'image_projection'))
  })
  const texts = rows.map((row) => unit(project([...at('bags').subarray(row * 7, row * 7 + 7)], 'words_projection')))
  const scale = Math.exp(Math.min(at('logit_scale')[0] ?? 0, MAXIMUM_LOGIT_SCALE))
  const logit = (image: number, text: number) =>
    scale * (images[image] ?? []).reduce((sum, value, i) => sum + value * (texts[text]?.[i] ?? 0), 0)
  const match = (image: number, text: number) => at('matches')[image * BATCH + text] ?? 0
  const sideLoss = (score: (a: number, b: number) => number, target: (a: number, b: number) => number) =>
    rows.reduce((sum, a) => {
      const normaliser = Math.log(rows.reduce((total, b) => total + Math.exp(score(a, b)), 0))
      const matches = rows.reduce((total, b) => total + target(a, b), 0)
      return sum - rows.reduce((total, b) => total + (target(a, b) / matches) * (score(a, b) - normaliser), 0)
    }, 0) / BATCH
  return (
    (sideLoss(logit, match) +
      sideLoss(
        (text, image) => logit(image, text),
        (text, image) => match(image, text),
      )) /
    2
  )
}

describe('training step', () => {
  it('agrees with jax-js in loss and in every gradient', async () => {
    for (const seed of [1, 2, 3]) {
      const values = batchValues(seed)
      const expected = await runInJax(trainingStep(shape), signature, values)
      expect(Object.keys(expected).sort()).toEqual([...trained.map(gradientOf), 'loss'].sort())
      expect(largestDifference(expected, await runFile(file, signature, values))).toBeLessThan(1e-5)
    }
  })

  it('computes symmetric InfoNCE over all matches', async () => {
    const values = batchValues(4)
    expect(await lossOf(values)).toBeCloseTo(plainLoss(values), 5)
  })

  it.each(trained)('has the gradient that finite differences give for %s', async (name) => {
    const values = batchValues(5)
    const gradient = (await runFile(file, signature, values))[gradientOf(name)] ?? new Float32Array(0)
    const original = values[name] ?? new Float32Array(0)
    for (const index of new Set([0, Math.floor(original.length / 2), original.length - 1])) {
      const moved = (by: number) => {
        const changed = Float32Array.from(original)
        changed[index] = (changed[index] ?? 0) + by
        return { at: changed[index] ?? 0, loss: plainLoss({ ...values, [name]: changed }) }
      }
      const [above, below] = [moved(1e-3), moved(-1e-3)]
      expect(gradient[index]).toBeCloseTo((above.loss - below.loss) / (above.at - below.at), 4)
    }
  })

  it('holds the temperature at its bound', async () => {
    const beyond = { ...batchValues(6), logit_scale: Float32Array.of(MAXIMUM_LOGIT_SCALE + 1) }
    const result = await runFile(file, signature, beyond)
    const atBound = await runFile(file, signature, { ...beyond, logit_scale: Float32Array.of(MAXIMUM_LOGIT_SCALE) })
    expect(result[gradientOf('logit_scale')]?.[0]).toBe(0)
    expect(result['loss']?.[0]).toBeCloseTo(atBound['loss']?.[0] ?? Number.NaN, 5)
  })

  it('gives the same bits every time, whatever the number of threads', async () => {
    const wide = { ...shape, featureWidth: 320, embeddingWidth: 256, words: { ...words, width: 128 } }
    const large = stepSignature(wide, 256)
    const bytes = lowerProgram('training_step', trainingStep(wide), large)
    const values = {
      ...valuesFor(large),
      logit_scale: Float32Array.of(2.6),
      matches: new Float32Array(256 * 256).fill(1),
    }
    const hashes = new Set<string>()
    for (const threads of [1, 2, 2, 2, 2]) {
      const results = Object.entries(await runFile(bytes, large, values, threads)).sort(([a], [b]) => (a < b ? -1 : 1))
      hashes.add(results.map(([name, { buffer }]) => name + sha256Hex(new Uint8Array(buffer))).join())
    }
    expect(hashes.size).toBe(1)
  })
})

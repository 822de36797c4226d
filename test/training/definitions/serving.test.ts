import { beforeAll, describe, expect, it } from 'vitest'
import { imageHeadFile, textModelFile } from '../../../src/training/definitions/serving.ts'
import { frozenShapes, parameterShapes } from '../../../src/training/definitions/shape.ts'
import { readWeights } from '../../../src/models/onnx/read-weights.ts'
import { startJax } from '../../../src/training/lowering/trace.ts'
import { openOnnxSession } from '../../../src/models/onnx-session.ts'
import { valuesFor } from '../lowering/run-program.ts'

const words = { kind: 'bag' as const, width: 5 }
const shape = {
  featureWidth: 6,
  embeddingWidth: 4,
  imageHead: { kind: 'linear' as const },
  maxLength: 3,
  words,
  sentenceWidth: null,
}
const signature = {
  ...Object.fromEntries(Object.entries(parameterShapes(shape)).map(([name, sizes]) => [name, { shape: sizes }])),
  feature_mean: { shape: [6] },
  feature_scale: { shape: [6] },
  words: { shape: [7, 5] },
}
const weights = valuesFor(signature) as Record<string, Float32Array>
const at = (name: string) => weights[name] ?? new Float32Array(0)
beforeAll(startJax)

function project(row: readonly number[], tower: string): number[] {
  const projected = Array.from({ length: 4 }, (_, column) =>
    row.reduce(
      (sum, value, i) => sum + value * (at(`${tower}_weight`)[i * 4 + column] ?? 0),
      at(`${tower}_bias`)[column] ?? 0,
    ),
  )
  const length = Math.hypot(...projected)
  return projected.map((value) => value / length)
}

const expectClose = (actual: Float32Array, expected: readonly number[]) => {
  expect(actual).toHaveLength(expected.length)
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 5)
}

describe('files for serving', () => {
  it('image head: standardises, projects, and gives unit length, for any batch', async () => {
    const session = await openOnnxSession(imageHeadFile(shape, weights))
    const rows = [
      [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
      [1, 0, 0, 2, 0, -1],
    ]
    const { image_embeds } = await session.run({ features: { data: Float32Array.from(rows.flat()), shape: [2, 6] } }, [
      'image_embeds',
    ])
    const standard = rows.map((row) =>
      row.map((value, i) => (value - (at('feature_mean')[i] ?? 0)) * (at('feature_scale')[i] ?? 0)),
    )
    expectClose(
      image_embeds.data,
      standard.flatMap((row) => project(row, 'image_projection')),
    )
    await session.close()
  })

  it('image head with attention: regions weighed by what the whole picture asks for, beside its projection', async () => {
    const [count, width, heads, depth] = [3, 2, 2, 64]
    const imageHead = { kind: 'attention' as const, regions: { count, width }, heads }
    const attending = { ...shape, featureWidth: 6 + count * width, imageHead }
    const shapes = { ...parameterShapes(attending), ...frozenShapes(attending) }
    const drawn = valuesFor(
      Object.fromEntries(Object.entries(shapes).map(([name, sizes]) => [name, { shape: sizes }])),
    ) as Record<string, Float32Array>
    const of = (name: string, i: number) => drawn[name]?.[i] ?? Number.NaN
    const sum = (length: number, term: (i: number) => number) =>
      Array.from({ length }, (_, i) => term(i)).reduce((all, value) => all + value, 0)
    const embedding = (row: readonly number[]): number[] => {
      const whole = row.slice(0, 6).map((value, i) => (value - of('feature_mean', i)) * of('feature_scale', i))
      const region = (r: number, i: number) =>
        ((row[6 + r * width + i] ?? 0) - of('region_mean', i)) * of('region_scale', i)
      const query = (h: number, d: number) =>
        of('regions_query_bias', h * depth + d) +
        sum(6, (f) => (whole[f] ?? 0) * of('regions_query_weight', f * heads * depth + h * depth + d))
      const averages = Array.from({ length: heads }, (_, h) => {
        const key = (r: number, d: number) =>
          sum(width, (i) => region(r, i) * of('regions_key_weight', (h * depth + d) * width + i))
        const logits = Array.from({ length: count }, (_, r) =>
          Math.exp(sum(depth, (d) => query(h, d) * key(r, d)) / Math.sqrt(width)),
        )
        const total = logits.reduce((all, value) => all + value, 0)
        return (i: number) => sum(count, (r) => ((logits[r] ?? 0) / total) * region(r, i))
      })
      const part = 4 / heads
      const vector = Array.from({ length: 4 }, (_, column) => {
        const h = Math.floor(column / part)
        const attended = sum(width, (i) => (averages[h]?.(i) ?? 0) * of('regions_value_weight', (h * width + i) * part + (column % part))) // prettier-ignore
        const projected = sum(6, (f) => (whole[f] ?? 0) * of('image_projection_weight', f * 4 + column))
        return projected + of('image_projection_bias', column) + attended
      })
      return vector.map((value) => value / Math.hypot(...vector))
    }
    const rows = [2, 5, 9].map((seed) => Array.from({ length: 12 }, (_, i) => Math.sin(seed * 7 + i * 3)))
    const session = await openOnnxSession(imageHeadFile(attending, drawn))
    const features = { data: Float32Array.from(rows.flat()), shape: [3, 12] }
    const { image_embeds } = await session.run({ features }, ['image_embeds'])
    await session.close()
    expectClose(image_embeds.data, rows.flatMap(embedding))
  })

  it('text model: the mean of the known words; padding and unknown words weigh nothing', async () => {
    const file = textModelFile(shape, weights)
    const session = await openOnnxSession(file)
    const encode = async (ids: bigint[], mask: bigint[]) => {
      const inputs = { input_ids: BigInt64Array.from(ids), attention_mask: BigInt64Array.from(mask) }
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([name, data]) => [name, { data, shape: [ids.length / 3, 3] }]),
      )
      return (await session.run(feeds, ['text_embeds'])).text_embeds.data
    }
    const word = (id: number) => [...at('words').subarray(id * 5, id * 5 + 5)]
    const mean = word(4).map((value, i) => (value + (word(6)[i] ?? 0)) / 2)
    expectClose(await encode([4n, 6n, 0n], [1n, 1n, 0n]), project(mean, 'words_projection'))
    expectClose(await encode([4n, 1n, 6n, 2n, 0n, 0n], [1n, 1n, 1n, 1n, 0n, 0n]), [
      ...project(mean, 'words_projection'),
      ...project(word(2), 'words_projection'),
    ])
    const nothing = await encode([0n, 0n, 0n], [0n, 0n, 0n])
    expect(nothing.every(Number.isFinite)).toBe(true)
    expect(readWeights(file).get('words')).toEqual(at('words'))
    await session.close()
  })
})

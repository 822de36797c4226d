import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { normalise } from '../../src/core/vector.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import { createTokeniser } from '../../src/models/tokeniser.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { exportSmallModel, SIDE } from '../training/exported-model.ts'
import { pythonWith } from './interoperability/python-environment.ts'
import { runProgram } from './server-cache.ts'

/** The field's own tools (30 s to install, 240 MB). */
const PACKAGES = [
  'onnxruntime==1.31.1',
  'numpy==2.4.6',
  'tokenizers==0.23.3',
  'huggingface-hub==2.4.0',
  'pillow==13.0.0',
]

const TEXTS = [
  'A red circle on the left.',
  'TOP: one Star, blue!',
  'nothing that it knows, but a ring',
  'été — 日本 white',
]

type Found = {
  readonly card: Readonly<Record<string, unknown>>
  readonly results: readonly Readonly<Record<string, unknown>>[]
  readonly json: readonly string[]
  readonly ids: readonly (readonly number[])[]
  readonly texts: readonly (readonly number[])[]
  readonly picture: readonly number[]
}

let python: string
beforeAll(async () => {
  python = await pythonWith(PACKAGES)
})

/** A picture of exactly the model's size, since libraries resize differently in the last digits. */
async function writePicture(path: string): Promise<Buffer> {
  const data = Buffer.from(Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 37) % 256))
  const png = await sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer()
  await sharp(png).toFile(path)
  return png
}

async function runCard(folder: string, picture: string): Promise<Found> {
  const script = join(import.meta.dirname, 'interoperability', 'run_card.py')
  return JSON.parse(await runProgram(python, [script, JSON.stringify(TEXTS), picture], { cwd: folder })) as Found
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  1 - Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))))

describe('an exported folder, read by Python’s onnxruntime, tokenizers and huggingface_hub', () => {
  it.each([
    ['fp32', 'linear'],
    ['fp16', 'linear'],
    ['int8', 'linear'],
    ['fp32', 'attention'],
    ['int8', 'attention'],
  ] as const)('gives the same vectors, in %s, with the image head %s', async (precision, imageHead) => {
    const place = await temporaryFolder()
    const { folder, sources } = await exportSmallModel(place, precision, imageHead)
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { precision: string }
    expect(config.precision).toBe(precision)
    const path = join(place, 'picture.png')
    const bytes = await writePicture(path)
    const found = await runCard(folder, path)

    const encoder = await openDualEncoder(folder)
    const texts = await encoder.encodeTexts(TEXTS)
    const [picture = new Float32Array()] = await encoder.encodeImages([{ imageId: null, bytes: async () => bytes }])
    await encoder.close()
    for (const [i, vector] of texts.entries()) {
      expect(largestDifference(found.texts[i] ?? [], vector)).toBeLessThan(1e-5)
    }
    expect(largestDifference(found.picture, picture)).toBeLessThan(1e-5)

    const tokeniser = createTokeniser(JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')))
    expect(found.ids).toEqual(TEXTS.map((text) => tokeniser.encode(text)))
    expect(found.json).toEqual(['dict', 'dict'])
    expect(found.card).toMatchObject({
      license: 'other',
      library_name: 'pairstream',
      pipeline_tag: 'feature-extraction',
      tags: expect.arrayContaining(['onnx', 'image-text-retrieval']) as string[],
    })
    expect(found.results).toContainEqual({
      metric: 'recall_at_10',
      name: 'Recall@10, text to image',
      value: sources.result.metrics['development.recall_at_10'],
      split: 'development',
    })
    expect(found.results).toHaveLength(6)
  })

  it('is hardly another model in fewer bits', async () => {
    const full = await openDualEncoder((await exportSmallModel(await temporaryFolder())).folder)
    const expected = await full.encodeTexts(TEXTS)
    await full.close()
    for (const precision of ['fp16', 'int8'] as const) {
      const place = await temporaryFolder()
      const { folder } = await exportSmallModel(place, precision)
      const path = join(place, 'picture.png')
      await writePicture(path)
      const { texts } = await runCard(folder, path)
      const distances = texts.map((vector, i) => distance(normalise(Float32Array.from(vector)), expected[i] ?? []))
      expect(Math.max(...distances)).toBeLessThan(1e-2)
    }
  })
})

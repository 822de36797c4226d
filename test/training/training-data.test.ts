import { readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { featureStatistics, openFeatureFile } from '../../src/training/feature-file.ts'
import { EXAMPLES_FILE, writeTrainingData } from '../../src/training/training-data.ts'
import { allExamples } from './examples.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const images = [
  {
    views: [Float32Array.of(1, 2, 3), Float32Array.of(3, 2, 1)],
    captions: ['A dog\nruns.', 'Ein Hund läuft'],
    fold: 'train' as const,
  },
  { views: [Float32Array.of(4, 2, 6), Float32Array.of(6, 2, 4)], captions: ['“quoted”'], fold: 'development' as const },
]

describe('training data', () => {
  it('are read as they were written', async () => {
    const folder = join(await temporaryFolder(), 'job')
    expect(await writeTrainingData(folder, images)).toEqual({ images: 2, examples: 3 })
    expect(await allExamples(folder)).toEqual([
      { row: 0, sentence: 0, caption: 'A dog\nruns.', fold: 'train' },
      { row: 0, sentence: 1, caption: 'Ein Hund läuft', fold: 'train' },
      { row: 1, sentence: 2, caption: '“quoted”', fold: 'development' },
    ])
    const features = openFeatureFile(folder, 2, 3)
    expect(features.rows).toBe(2)
    const target = new Float32Array(7)
    features.read(1, 1, target, 2)
    expect([...target]).toEqual([0, 0, 6, 2, 4, 0, 0])
    features.close()
  })

  it('keep no file open where the images cannot all be had', async () => {
    const folder = await temporaryFolder()
    const openFiles = async (): Promise<readonly string[]> => {
      const files = (await readdir('/proc/self/fd')).map((file) => readlink(`/proc/self/fd/${file}`).catch(() => ''))
      return (await Promise.all(files)).filter((path) => path.startsWith(folder))
    }
    async function* away() {
      yield images[0] as (typeof images)[number]
      await vi.waitUntil(async () => (await openFiles()).length === 2)
      throw new Error('The picture cannot be had now.')
    }
    await expect(writeTrainingData(folder, away())).rejects.toThrow('cannot be had now')
    await vi.waitUntil(async () => (await openFiles()).length === 0)
  })

  it('stream: many images are written while none are held', async () => {
    const folder = await temporaryFolder()
    async function* many() {
      for (let i = 0; i < 3_000; i++)
        yield { views: [new Float32Array(256).fill(i)], captions: [`number ${i}`], fold: 'train' as const }
    }
    await writeTrainingData(folder, many())
    const features = openFeatureFile(folder, 1, 256)
    const target = new Float32Array(256)
    features.read(2_999, 0, target, 0)
    expect(features.rows).toBe(3_000)
    expect(target[255]).toBe(2_999)
    features.close()
  })

  it('have mean and scale over both views; a constant feature is scaled to nothing', async () => {
    const folder = await temporaryFolder()
    await writeTrainingData(folder, images)
    const features = openFeatureFile(folder, 2, 3)
    const shape = { featureWidth: 3, imageHead: { kind: 'linear' } } as const
    const { mean, scale } = featureStatistics(features, [0, 1], 2, shape).whole
    features.close()
    expect([...mean]).toEqual([3.5, 2, 3.5])
    const deviation = Math.sqrt((2.5 ** 2 + 0.5 ** 2 + 0.5 ** 2 + 2.5 ** 2) / 4)
    const overall = Math.sqrt((2 * deviation ** 2) / 3)
    expect(scale[0]).toBeCloseTo(1 / Math.sqrt(deviation * overall), 5)
    expect(scale[1]).toBe(0)
  })

  it('that cannot be learned from are refused with what to do', async () => {
    const folder = await temporaryFolder()
    await writeTrainingData(folder, [{ views: [new Float32Array(3)], captions: [], fold: 'train' as const }])
    expect(() => openFeatureFile(folder, 2, 3)).toThrow(expect.objectContaining({ code: 'training-failed' }))
    await writeFile(join(folder, EXAMPLES_FILE), '{"row":-1}\n')
    await expect(allExamples(folder)).rejects.toThrow('no example: {"row":-1}')
    await writeFile(join(folder, EXAMPLES_FILE), '{"row":')
    await expect(allExamples(folder)).rejects.toMatchObject({ code: 'training-failed' })
    expect(await readFile(join(folder, EXAMPLES_FILE), 'utf8')).toBe('{"row":')
  })
})

import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createFileBlobStore } from '../../../src/adapters/blob-store/files.ts'
import { defaultHyperparameters } from '../../../src/training/hyperparameters.ts'
import {
  adopt,
  adoptedFor,
  hyperparametersFor,
  type Adopted,
} from '../../../src/training/tune/adopted-hyperparameters.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const found: Adopted = {
  adoptedAt: 1_000,
  adoptedBy: 'ada',
  values: { learningRate: 0.01, batchSize: 64 },
  before: null,
  tuning: 'abc',
  pairs: 900,
  backbone: 'drawings',
  sentenceEncoder: null,
  score: 0.5,
}
const occasion = { pairs: 1_000, backbone: 'drawings', sentenceEncoder: null, at: 2_000 }
const nothingFixed = { maximumEpochs: undefined }

async function store() {
  const folder = await temporaryFolder()
  const warnings: unknown[] = []
  const blobs = createFileBlobStore({ folder })
  return { folder, blobs, warnings, deps: { blobs, logger: { warn: (about: unknown) => void warnings.push(about) } } }
}

describe('the hyperparameters of a training', () => {
  it('are the built-in ones until others are adopted', async () => {
    const { deps, blobs } = await store()
    expect(await hyperparametersFor(occasion, nothingFixed, deps)).toEqual(defaultHyperparameters(1_000))
    await adopt(found, blobs)
    expect(await hyperparametersFor(occasion, nothingFixed, deps)).toEqual({
      ...defaultHyperparameters(1_000),
      learningRate: 0.01,
      batchSize: 64,
    })
    const fixed = { textTower: 'gru', maximumEpochs: 2 } as const
    expect(await hyperparametersFor(occasion, fixed, deps)).toMatchObject({ learningRate: 0.01, wordTower: 'gru', maximumEpochs: 2 }) // prettier-ignore
    expect(await adoptedFor(occasion, deps)).toEqual(found)
  })

  it('are those of the time of its request, so that it can be trained again', async () => {
    const { deps, blobs } = await store()
    await adopt(found, blobs)
    await adopt({ ...found, adoptedAt: 10_000, values: { learningRate: 0.02 } }, blobs)
    const rateAt = async (at: number) => (await adoptedFor({ ...occasion, at }, deps))?.values?.learningRate ?? null
    expect([await rateAt(999), await rateAt(1_000), await rateAt(9_999), await rateAt(10_000)]).toEqual([
      null,
      0.01,
      0.01,
      0.02,
    ])
  })

  it('are those found with the same backbone, on as few or as many pairs', async () => {
    const { deps, blobs } = await store()
    await adopt(found, blobs)
    expect(await adoptedFor({ ...occasion, backbone: 'photographs' }, deps)).toBeNull()
    expect(await adoptedFor({ ...occasion, sentenceEncoder: 'small' }, deps)).toBeNull()
    expect(await adoptedFor({ ...occasion, pairs: 30_000 }, deps)).toBeNull()
    await adopt({ ...found, adoptedAt: 1_500, pairs: 20_000, values: { learningRate: 0.03 } }, blobs)
    expect((await adoptedFor({ ...occasion, pairs: 30_000 }, deps))?.values).toEqual({ learningRate: 0.03 })
    expect((await adoptedFor(occasion, deps))?.values).toEqual(found.values)
  })

  it('are the built-in ones again after going back to them', async () => {
    const { deps, blobs } = await store()
    await adopt(found, blobs)
    await adopt({ ...found, adoptedAt: 1_800, values: null, tuning: null, score: null }, blobs)
    expect(await hyperparametersFor(occasion, nothingFixed, deps)).toEqual(defaultHyperparameters(1_000))
    expect((await adoptedFor({ ...occasion, at: 1_700 }, deps))?.values).toEqual(found.values)
  })

  it('pass over a record that is damaged or out of bounds, and say so', async () => {
    const { deps, blobs, folder, warnings } = await store()
    await adopt(found, blobs)
    const [name = ''] = await readdir(join(folder, 'hyperparameters'))
    const put = (key: string, value: unknown) => blobs.put(key, Buffer.from(JSON.stringify(value)))
    await put('hyperparameters/000000000001500-a.json', { ...found, adoptedAt: 1_500, values: { learningRate: 1e9 } })
    await put('hyperparameters/000000000001600-b.json', 'nothing')
    expect(await adoptedFor(occasion, deps)).toEqual(found)
    expect(warnings).toHaveLength(2)
    await writeFile(join(folder, 'hyperparameters', name), '{')
    expect(await adoptedFor(occasion, deps)).toBeNull()
  })
})

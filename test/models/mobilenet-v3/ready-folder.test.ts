import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openBackbone } from '../../../src/models/backbone.ts'
import { readyBackboneFolder } from '../../../src/models/mobilenet-v3/ready-folder.ts'
import { readPreprocessing } from '../../../src/models/preprocessing.ts'
import { safetensorsOf } from '../../fixtures/safetensors.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { randomParameters, rawTensors } from './random-network.ts'

const published = {
  architecture: 'mobilenetv3_small_100',
  num_features: 1024,
  pretrained_cfg: {
    input_size: [3, 64, 64],
    interpolation: 'bicubic',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    crop_pct: 0.875,
  },
}

/** The folder of a published model, and one for what is made of it. */
async function folders(config: unknown = published, weights = safetensorsOf(rawTensors(randomParameters(1)))) {
  const root = await temporaryFolder()
  const [folder, own] = [join(root, 'published'), join(root, 'own')]
  await mkdir(folder)
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  await writeFile(join(folder, 'model.safetensors'), weights)
  return { folder, own }
}

describe('readyBackboneFolder', () => {
  it('makes a folder from which the backbone opens, and leaves the published one alone', async () => {
    const { folder, own } = await folders()
    const ready = await readyBackboneFolder(folder, own)
    const backbone = await openBackbone(ready)
    expect(backbone).toMatchObject({ featureWidth: 1024 })
    expect(backbone.withRegions(3)).toMatchObject({
      featureWidth: 1024 + 4 * 576,
      regions: { rows: 2, columns: 2, width: 576 },
    })
    const [features] = await backbone.run([new Float32Array(3 * 64 * 64).fill(0.5)])
    expect(features).toHaveLength(1024)
    await backbone.close()
    expect((await readdir(folder)).sort()).toEqual(['config.json', 'model.safetensors'])
    expect(JSON.parse(await readFile(join(ready, 'config.json'), 'utf8'))).toMatchObject({
      architecture: 'mobilenetv3_small_100',
      weights_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    })
  })

  it('prepares pictures as PyTorch image models do', async () => {
    const { folder, own } = await folders({
      ...published,
      architecture: 'mobilenetv3_small_100.lamb_in1k',
      pretrained_cfg: { ...published.pretrained_cfg, input_size: [3, 224, 224], interpolation: 'bilinear' },
    })
    expect(await readPreprocessing(await readyBackboneFolder(folder, own))).toEqual({
      resize: { shortestEdge: 256 },
      kernel: 'linear',
      crop: { width: 224, height: 224 },
      scale: [0.229, 0.224, 0.225].map((deviation) => 1 / 255 / deviation),
      offset: [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
      cropRounding: 'half_to_even',
    })
  })

  it('writes once, whoever asks at the same time, and again for other weights or another preparation', async () => {
    const { folder, own } = await folders()
    const all = await Promise.all([1, 2, 3].map(() => readyBackboneFolder(folder, own)))
    expect(new Set(all).size).toBe(1)
    expect(await readdir(own)).toHaveLength(1)
    await writeFile(join(folder, 'model.safetensors'), safetensorsOf(rawTensors(randomParameters(2))))
    const others = await readyBackboneFolder(folder, own)
    const squashed = { ...published, pretrained_cfg: { ...published.pretrained_cfg, crop_mode: 'squash' } }
    await writeFile(join(folder, 'config.json'), JSON.stringify(squashed))
    const again = await readyBackboneFolder(folder, own)
    expect(new Set([all[0], others, again]).size).toBe(3)
    expect((await readdir(own)).filter((name) => name.endsWith('.part'))).toEqual([])
    expect(await readPreprocessing(again)).toMatchObject({ resize: { width: 73, height: 73 } })
  })

  it('takes a folder with a network as it is', async () => {
    const { folder, own } = await folders()
    await mkdir(join(folder, 'onnx'))
    await writeFile(join(folder, 'onnx', 'model.onnx'), 'a network')
    expect(await readyBackboneFolder(folder, own)).toBe(folder)
    const nowhere = join(folder, 'nowhere')
    expect(await readyBackboneFolder(nowhere, own)).toBe(nowhere)
  })

  const changed = (change: object) => ({ ...published, pretrained_cfg: { ...published.pretrained_cfg, ...change } })
  it.each([
    ['architecture', { ...published, architecture: 'resnet18' }],
    ['crop_mode', changed({ crop_mode: 'border' })],
    ['interpolation', changed({ interpolation: 'random' })],
    ['input_size', changed({ input_size: [3, 64, 32] })],
    ['std', changed({ std: [0, 1, 1] })],
  ])('refuses an unknown %s by its name', async (reason, config) => {
    const { folder, own } = await folders(config)
    await expect(readyBackboneFolder(folder, own)).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining(reason) as string,
    })
  })

  it('leaves nothing behind where the weights are damaged', async () => {
    const { folder, own } = await folders()
    const whole = await readFile(join(folder, 'model.safetensors'))
    await writeFile(join(folder, 'model.safetensors'), whole.subarray(0, whole.length - 1))
    await expect(readyBackboneFolder(folder, own)).rejects.toMatchObject({ code: 'model-corrupt' })
    await expect(readdir(own)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

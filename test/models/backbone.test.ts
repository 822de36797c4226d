import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { openBackbone } from '../../src/models/backbone.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { decodePixels } from '../../src/models/decode-image.ts'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { openOnnxSession } from '../../src/models/onnx-session.ts'
import { photographs } from '../fixtures/photographs.ts'
import { sharedPath } from '../fixtures/shared.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

/** Features as another library gives them, of photographs that are given with them. */
type Expected = {
  readonly images: readonly string[]
  readonly features_first_8: readonly (readonly number[])[]
  readonly features_l2_norm: readonly number[]
}

/** A folder with a graph of one's own making and the preprocessing of 4 x 4 pictures. */
async function folderWith(model: Uint8Array): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'onnx'))
  await writeFile(join(folder, 'onnx', 'model.onnx'), model)
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ size: { height: 4, width: 4 } }))
  return folder
}

type Batch = number | 'batch'

function meanGraph(batch: Batch, divisor = 1, side = 4): Uint8Array {
  const graph = createGraph('mean')
  const pixels = graph.input('pixel_values', 'float32', [batch, 3, side, side])
  const mean = graph.node('ReduceMean', [pixels, graph.integers([2, 3])], { keepdims: 0 })
  const quotient = graph.node('Div', [mean, graph.initialiser(Float32Array.of(divisor), [])])
  graph.output('feature_map', graph.node('Identity', [pixels]), 'float32', [batch, 3, side, side])
  graph.output('pooler_output', quotient, 'float32', [batch, 3])
  return graph.encode()
}

/**
 * A MobileNet with the features that PyTorch gives for three photographs; where it is not at hand, a network that takes the mean of
 * each channel, with the means that sharp gives.
 */
async function referenceNetwork(): Promise<{ folder: string; pictures: Buffer[]; expected: Expected }> {
  const [folder, images] = [sharedPath('models', 'mobilenet-v2-1.0-224'), sharedPath('flickr8k', 'Images')]
  if (folder !== null && images !== null) {
    const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected
    const pictures = await Promise.all(expected.images.map((name) => readFile(join(images, name))))
    return { folder, pictures, expected }
  }
  const side = 224
  const made = await folderWith(meanGraph('batch', 1, side))
  const preprocessing = { size: { height: side, width: side }, do_rescale: true, do_normalize: false }
  await writeFile(join(made, 'preprocessor_config.json'), JSON.stringify(preprocessing))
  const pictures = await photographs(3)
  const means = await Promise.all(
    pictures.map(async (picture) => (await sharp(picture).stats()).channels.map(({ mean }) => mean / 255)),
  )
  const norms = means.map((values) => Math.hypot(...values))
  return { folder: made, pictures, expected: { images: [], features_first_8: means, features_l2_norm: norms } }
}

describe('backbone', () => {
  it('gives the numbers that the reference libraries give', async () => {
    const { folder, pictures, expected } = await referenceNetwork()
    const backbone = await openBackbone(folder)
    const pixels = await Promise.all(
      pictures.map((picture) => decodePixels(picture, backbone.preprocessing, ['plain'])),
    )
    const features = await backbone.run(pixels.flat())
    expect(features).toHaveLength(expected.features_first_8.length)
    for (const [image, values] of features.entries()) {
      for (const [index, value] of (expected.features_first_8[image] ?? []).entries()) {
        expect(values[index]).toBeCloseTo(value, 3)
      }
      expect(Math.hypot(...values) / (expected.features_l2_norm[image] ?? 0)).toBeCloseTo(1, 4)
    }
    await backbone.close()
  })

  it('finds its input and its pooled output under other names', async () => {
    const backbone = await openBackbone(await folderWith(meanGraph('batch')))
    const [first, second] = await backbone.run([new Float32Array(48).fill(0.5), new Float32Array(48).fill(-1)])
    expect([first, second]).toEqual([Float32Array.of(0.5, 0.5, 0.5), Float32Array.of(-1, -1, -1)])
    await backbone.close()
  })

  it('runs one at a time where the batch is fixed', async () => {
    const backbone = await openBackbone(await folderWith(meanGraph(1)))
    expect(await backbone.run([new Float32Array(48).fill(1), new Float32Array(48).fill(2)])).toEqual([
      Float32Array.of(1, 1, 1),
      Float32Array.of(2, 2, 2),
    ])
    expect(await backbone.run([])).toEqual([])
    await backbone.close()
  })

  it('has an id that changes with the network or the preprocessing, and with nothing else', async () => {
    const folder = await temporaryFolder()
    const [original, copy, changed] = [join(folder, 'a'), join(folder, 'b'), join(folder, 'c')] as const
    await writeBuiltInBackbone(original)
    await cp(original, copy, { recursive: true })
    await cp(original, changed, { recursive: true })
    const preprocessing = JSON.parse(await readFile(join(original, 'preprocessor_config.json'), 'utf8')) as object
    await writeFile(join(copy, 'preprocessor_config.json'), JSON.stringify({ ...preprocessing, note: 'the same' }))
    await writeFile(join(changed, 'preprocessor_config.json'), JSON.stringify({ ...preprocessing, resample: 2 }))
    const ids = await Promise.all(
      [original, copy, changed].map(async (path) => {
        const backbone = await openBackbone(path)
        await backbone.close()
        return backbone.id
      }),
    )
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/)
    expect(ids[1]).toBe(ids[0])
    expect(ids[2]).not.toBe(ids[0])
  })

  it('refuses features that are not numbers', async () => {
    const backbone = await openBackbone(await folderWith(meanGraph('batch', 0)))
    await expect(backbone.run([new Float32Array(48).fill(1)])).rejects.toMatchObject({ code: 'model-corrupt' })
    await backbone.close()
  })

  it('refuses a network that does not fit its preprocessing', async () => {
    const folder = await folderWith(meanGraph('batch', 1, 8))
    await expect(openBackbone(folder)).rejects.toMatchObject({ code: 'model-invalid' })
  })

  it('refuses a folder without a network, and a network that is damaged', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ size: 4 }))
    await expect(openBackbone(folder)).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining('model.onnx is missing') as string,
    })
    const sound = await temporaryFolder()
    await writeBuiltInBackbone(sound)
    const whole = await readFile(join(sound, 'onnx', 'model.onnx'))
    const damaged = await folderWith(whole.subarray(0, whole.length / 2))
    await expect(openBackbone(damaged)).rejects.toMatchObject({ code: 'model-corrupt' })
  })
})

describe('ONNX session', () => {
  it('says what its inputs and outputs are, and refuses what does not fit', async () => {
    const session = await openOnnxSession(meanGraph('batch'))
    expect(session.inputs).toEqual([{ name: 'pixel_values', type: 'float32', shape: ['batch', 3, 4, 4] }])
    expect(session.outputs.map(({ name }) => name)).toEqual(['feature_map', 'pooler_output'])
    const feeds = { pixel_values: { data: new Float32Array(3), shape: [1, 3, 1, 1] } }
    // The program may be at fault, or memory be short: no verdict on the model, nor on the picture.
    await expect(session.run(feeds, ['pooler_output'])).rejects.toMatchObject({ code: 'internal' })
    await session.close()
  })

  it('lets runs finish before it closes, and refuses more', async () => {
    const session = await openOnnxSession(meanGraph('batch'))
    const feeds = { pixel_values: { data: new Float32Array(48).fill(3), shape: [1, 3, 4, 4] } }
    const running = session.run(feeds, ['pooler_output'])
    await session.close()
    expect([...(await running).pooler_output.data]).toEqual([3, 3, 3])
    await expect(session.run(feeds, ['pooler_output'])).rejects.toMatchObject({ code: 'model-not-found' })
  })

  it('refuses bytes that are no model', async () => {
    await expect(openOnnxSession(Buffer.from('not a model'))).rejects.toMatchObject({ code: 'model-corrupt' })
  })
})

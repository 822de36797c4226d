import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { mobileNetV3Network } from '../../../src/models/mobilenet-v3/network.ts'
import { openOnnxSession, type OnnxSession } from '../../../src/models/onnx-session.ts'
import { parsePreprocessing, toPixels } from '../../../src/models/preprocessing.ts'
import { readSafetensors } from '../../../src/models/safetensors.ts'
import { photographs } from '../../fixtures/photographs.ts'
import { float32, safetensorsOf } from '../../fixtures/safetensors.ts'
import { sharedPath } from '../../fixtures/shared.ts'
import { plainMobileNetV3 } from './plain-network.ts'
import { randomParameters, rawTensors } from './random-network.ts'

type Expected = {
  readonly images: readonly string[]
  readonly pooled_feature_map: readonly (readonly number[])[]
  readonly pre_logits: readonly (readonly number[])[]
  readonly pre_logits_l2_norm: readonly number[]
}

/** Pictures of 224 x 224 as they are, with ImageNet's mean and deviation. */
const asTheyAre = parsePreprocessing(
  JSON.stringify({ size: 224, image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] }),
)

async function pixelsOf(picture: Buffer): Promise<Float32Array> {
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height, info.channels]).toEqual([224, 224, 3])
  return toPixels(data, asTheyAre, 'plain')
}

/** Weights, pixels and what PyTorch image models make of them; where these are not at hand, what plain loops make of random weights. */
async function reference(): Promise<{
  weights: Buffer
  pixels: Float32Array[]
  expected: Expected
  tolerance: number
}> {
  const [folder, images] = [sharedPath('models', 'mobilenetv3-small-random'), sharedPath('flickr8k', 'Images')]
  if (folder !== null && images !== null) {
    const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected
    const pictures = await Promise.all(expected.images.map((name) => readFile(join(images, name))))
    const weights = await readFile(join(folder, 'model.safetensors'))
    return { weights, pixels: await Promise.all(pictures.map(pixelsOf)), expected, tolerance: 1e-4 }
  }
  const parameters = randomParameters(1)
  const pixels = await Promise.all((await photographs(1)).map(pixelsOf))
  const results = pixels.map((picture) => plainMobileNetV3(parameters, picture, 224, 224))
  return {
    weights: safetensorsOf(rawTensors(parameters)),
    pixels,
    tolerance: 1e-4,
    expected: {
      images: [],
      pooled_feature_map: results.map(({ featureMap: { values } }) =>
        Array.from({ length: 16 }, (_, c) => values.slice(c * 49, (c + 1) * 49).reduce((a, b) => a + b, 0) / 49),
      ),
      pre_logits: results.map(({ features }) => [...features.slice(0, 16)]),
      pre_logits_l2_norm: results.map(({ features }) => Math.hypot(...features)),
    },
  }
}

async function run(session: OnnxSession, pictures: readonly Float32Array[], height: number, width: number) {
  const data = new Float32Array(pictures.length * 3 * height * width)
  pictures.forEach((pixels, index) => data.set(pixels, index * pixels.length))
  return session.run({ pixel_values: { data, shape: [pictures.length, 3, height, width] } }, [
    'features',
    'feature_map',
  ])
}

describe('MobileNetV3-Small', () => {
  it('gives the numbers of the network it was published as', async () => {
    const { weights, pixels, expected, tolerance } = await reference()
    const session = await openOnnxSession(mobileNetV3Network(readSafetensors(weights), { width: 224, height: 224 }))
    const { features, feature_map } = await run(session, pixels, 224, 224)
    expect(features.shape).toEqual([pixels.length, 1024])
    expect(feature_map.shape).toEqual([pixels.length, 576, 7, 7])
    for (const [image, first] of expected.pre_logits.entries()) {
      const row = features.data.subarray(image * 1024, (image + 1) * 1024)
      first.forEach((value, index) => expect(Math.abs((row[index] ?? NaN) - value)).toBeLessThan(tolerance))
      expect(Math.abs(Math.hypot(...row) - (expected.pre_logits_l2_norm[image] ?? NaN))).toBeLessThan(tolerance)
      for (const [channel, value] of (expected.pooled_feature_map[image] ?? []).entries()) {
        const places = feature_map.data.subarray((image * 576 + channel) * 49, (image * 576 + channel + 1) * 49)
        expect(Math.abs(places.reduce((sum, place) => sum + place, 0) / 49 - value)).toBeLessThan(tolerance)
      }
    }
    await session.close()
  })

  it('is what plain loops make of the same weights, for other sizes and several pictures', async () => {
    const parameters = randomParameters(2)
    const [height, width] = [50, 33]
    const tensors = readSafetensors(safetensorsOf(rawTensors(parameters)))
    const session = await openOnnxSession(mobileNetV3Network(tensors, { width, height }))
    const pictures = [0, 1].map((seed) =>
      Float32Array.from({ length: 3 * height * width }, (_, at) => Math.sin(at * (seed + 1)) * 2),
    )
    const { features, feature_map } = await run(session, pictures, height, width)
    expect(feature_map.shape).toEqual([2, 576, 2, 2])
    for (const [index, pixels] of pictures.entries()) {
      const plain = plainMobileNetV3(parameters, pixels, height, width)
      const parts = [
        [features.data.subarray(index * 1024), plain.features],
        [feature_map.data.subarray(index * 576 * 4), plain.featureMap.values],
      ] as const
      for (const [got, wanted] of parts) {
        const largest = Math.max(...wanted.map(Math.abs))
        expect(largest).toBeGreaterThan(0.1)
        wanted.forEach((value, at) => expect(Math.abs((got[at] ?? NaN) - value)).toBeLessThan(largest * 1e-4))
      }
    }
    await session.close()
  })

  const size = { width: 32, height: 32 }
  it('refuses weights of another architecture, and weights that are no numbers', () => {
    const tensors = rawTensors(randomParameters(3))
    const network = (changed: typeof tensors) => () => mobileNetV3Network(readSafetensors(safetensorsOf(changed)), size)
    const others = Object.fromEntries(Object.entries(tensors).filter(([name]) => name !== 'conv_head.weight'))
    expect(network(others)).toThrow(
      expect.objectContaining({
        code: 'model-invalid',
        message: expect.stringContaining('conv_head.weight') as string,
      }),
    )
    const wider = { ...tensors, 'bn1.bias': float32([17], new Float32Array(17)) }
    expect(network(wider)).toThrow(
      expect.objectContaining({ code: 'model-invalid', message: expect.stringContaining('17, not 16') as string }),
    )
    const negative = { ...tensors, 'bn1.running_var': float32([16], new Float32Array(16).fill(-1)) }
    expect(network(negative)).toThrow(expect.objectContaining({ code: 'model-corrupt' }))
  })
})

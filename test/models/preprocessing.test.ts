import { describe, expect, it } from 'vitest'
import {
  cropPlace,
  parsePreprocessing,
  readPreprocessing,
  resizedSize,
  toPixels,
} from '../../src/models/preprocessing.ts'
import { referencePath } from '../fixtures/shared.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const parse = (config: object) => parsePreprocessing(JSON.stringify(config))

describe('readPreprocessing', () => {
  it('reads both edges with a mean and a deviation', async () => {
    const preprocessing = await readPreprocessing(referencePath('mobilenet-v2-1.0-224'))
    expect(preprocessing).toMatchObject({
      resize: { width: 224, height: 224 },
      crop: { width: 224, height: 224 },
      kernel: 'cubic',
    })
    const [red] = toPixels(new Uint8Array(224 * 224 * 3).fill(255), preprocessing, 'plain')
    expect(red).toBeCloseTo((255 - 128) / 128, 6)
  })

  it('reads a shorter edge with a crop', async () => {
    const preprocessing = await readPreprocessing(referencePath('clip-tiny-random'))
    expect(preprocessing).toMatchObject({ resize: { shortestEdge: 96 }, crop: { width: 96, height: 96 } })
    expect(resizedSize(200, 300, preprocessing)).toEqual({ width: 96, height: 144 })
    expect(resizedSize(301, 200, preprocessing)).toEqual({ width: 144, height: 96 })
  })

  it('names the missing file', async () => {
    await expect(readPreprocessing(await temporaryFolder())).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining('preprocessor_config.json') as string,
    })
  })
})

describe('cropPlace', () => {
  const cropped = { size: { shortest_edge: 4 }, do_center_crop: true, crop_size: 4 }
  /** By how much the longer edge is longer, and where the crop begins. */
  it.each([
    ['the lower of two places', {}, [0, 0, 1, 1, 2, 2, 3, 3]],
    ['the even one of two, as torchvision does', { crop_rounding: 'half_to_even' }, [0, 0, 1, 2, 2, 2, 3, 4]],
  ])('is %s', (_, rounding, places) => {
    const preprocessing = parse({ ...cropped, ...rounding })
    expect(places.map((_, more) => cropPlace({ width: 4, height: 4 + more }, preprocessing))).toEqual(
      places.map((top) => ({ left: 0, top })),
    )
  })
})

describe('parsePreprocessing', () => {
  it('understands older forms, where a size is one number', () => {
    expect(parse({ size: 64 })).toMatchObject({ resize: { width: 64, height: 64 } })
    expect(parse({ size: 72, do_center_crop: true, crop_size: 64 })).toMatchObject({
      resize: { shortestEdge: 72 },
      crop: { width: 64, height: 64 },
    })
  })

  const statistics = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }
  it.each([
    [
      'ViT, as its first models were published',
      { feature_extractor_type: 'ViTFeatureExtractor', do_normalize: true, do_resize: true, size: 224, ...statistics },
      { resize: { width: 224, height: 224 }, crop: { width: 224, height: 224 }, kernel: 'linear' },
    ],
    [
      'ViT of the fast processor, with null for what it leaves out',
      {
        image_processor_type: 'ViTImageProcessorFast',
        crop_size: null,
        default_to_square: true,
        do_center_crop: null,
        do_convert_rgb: null,
        resample: 2,
        size: { height: 224, width: 224 },
        ...statistics,
      },
      { resize: { width: 224, height: 224 }, crop: { width: 224, height: 224 }, kernel: 'linear' },
    ],
    [
      'DeiT, which squeezes the whole picture before it crops',
      { feature_extractor_type: 'DeiTFeatureExtractor', crop_size: 224, do_center_crop: true, resample: 3, size: 256 },
      { resize: { width: 256, height: 256 }, crop: { width: 224, height: 224 }, kernel: 'cubic' },
    ],
    [
      'SigLIP',
      {
        image_processor_type: 'SiglipImageProcessor',
        do_convert_rgb: null,
        resample: 3,
        size: { height: 384, width: 384 },
      },
      { resize: { width: 384, height: 384 }, crop: { width: 384, height: 384 }, kernel: 'cubic' },
    ],
    [
      'DINOv2',
      {
        image_processor_type: 'BitImageProcessor',
        crop_size: { height: 224, width: 224 },
        do_center_crop: true,
        resample: 3,
        size: { shortest_edge: 256 },
      },
      { resize: { shortestEdge: 256 }, crop: { width: 224, height: 224 }, kernel: 'cubic' },
    ],
    [
      'MobileNetV2 without its defaults',
      { image_processor_type: 'MobileNetV2ImageProcessor' },
      { resize: { shortestEdge: 256 }, crop: { width: 224, height: 224 }, kernel: 'linear' },
    ],
    [
      'ConvNeXt, which keeps a share of the shorter edge',
      { feature_extractor_type: 'ConvNextFeatureExtractor', crop_pct: 0.875, resample: 3, size: 224 },
      { resize: { shortestEdge: 256 }, crop: { width: 224, height: 224 }, kernel: 'cubic' },
    ],
    [
      'ConvNeXt of larger pictures',
      { image_processor_type: 'ConvNextImageProcessor', size: { shortest_edge: 384 } },
      { resize: { width: 384, height: 384 }, crop: { width: 384, height: 384 }, kernel: 'linear' },
    ],
    [
      'a processor named as what every object has',
      { image_processor_type: 'constructorImageProcessor', size: 8 },
      { resize: { width: 8, height: 8 }, crop: { width: 8, height: 8 }, kernel: 'cubic' },
    ],
  ])('understands %s', (_, config, preprocessing) => {
    expect(parse(config)).toMatchObject(preprocessing)
  })

  it('leaves bytes as they are where nothing is rescaled or normalised', () => {
    const plain = parse({ size: 1, do_rescale: false, do_normalize: false })
    expect([...toPixels(Uint8Array.of(1, 2, 3), plain, 'plain')]).toEqual([1, 2, 3])
  })

  it('mirrors each row for the flipped view', () => {
    const plain = parse({ size: { width: 2, height: 2 }, do_rescale: false, do_normalize: false })
    const rgb = Uint8Array.from([1, 10, 100, 2, 20, 200, 3, 30, 103, 4, 40, 204])
    expect([...toPixels(rgb, plain, 'plain')]).toEqual([1, 2, 3, 4, 10, 20, 30, 40, 100, 200, 103, 204])
    expect([...toPixels(rgb, plain, 'flipped')]).toEqual([2, 1, 4, 3, 20, 10, 40, 30, 200, 100, 204, 103])
  })

  it.each([
    ['{', 'not JSON'],
    ['[]', 'the document'],
    [JSON.stringify({}), 'size'],
    [JSON.stringify({ size: -1 }), 'size'],
    [JSON.stringify({ size: 8, do_resize: false }), 'do_resize'],
    [JSON.stringify({ size: 8, resample: 5 }), 'resample'],
    [JSON.stringify({ size: 8, image_std: [0, 1, 1] }), 'image_std'],
    [JSON.stringify({ size: { shortest_edge: 8 } }), 'no fixed size'],
    [JSON.stringify({ size: 8, do_center_crop: true, crop_size: 9 }), 'crop_size'],
  ])('refuses %s', (json, reason) => {
    expect(() => parsePreprocessing(json)).toThrow(
      expect.objectContaining({ code: 'model-invalid', message: expect.stringContaining(reason) as string }),
    )
  })
})

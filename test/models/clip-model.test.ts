import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'
import { normalise } from '../../src/core/vector.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import { assembleClipModel, checkModelFolder, listModelFiles } from '../../src/models/model-folder.ts'
import { openEncoder } from '../../src/models/open-encoder.ts'
import { clipFiles, type ClipSource } from '../../src/models/pretrained/clip-files.ts'
import { openClip } from '../../src/models/pretrained/clip.ts'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { defaultHyperparameters } from '../../src/training/hyperparameters.ts'
import { exportZeroShot } from '../../src/training/zero-shot.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { jointModel, pictureTower, textTower, writeTinyClip } from './pretrained/tiny-clip.ts'

/** A model that is the CLIP as it is. */
async function modelOn(source: ClipSource): Promise<string> {
  const clip = await openClip(source.folder, { precision: source.precision })
  await clip.close()
  const outputFolder = join(await temporaryFolder(), 'model')
  await exportZeroShot({
    jobFolder: outputFolder,
    outputFolder,
    modelVersion: 'm-clip',
    seed: 1,
    threads: 1,
    featureWidth: clip.width,
    sentenceWidth: clip.width,
    clip: { id: clip.id },
    initialFolder: null,
    hyperparameters: { ...defaultHyperparameters(1), adapterWidth: 0 },
  })
  await assembleClipModel(outputFolder, source)
  return outputFolder
}

async function open(folder: string) {
  const encoder = await openDualEncoder(folder)
  onTestFinished(() => encoder.close())
  return encoder
}

const purple = async () => {
  const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#a0c' } })
    .png()
    .toBuffer()
  return { imageId: null, bytes: async () => bytes }
}

const invalid = (words: string) => ({ code: 'model-invalid', message: expect.stringContaining(words) as string })

describe('a model on a CLIP', () => {
  it('holds what it needs of the published folder, and no more', async () => {
    const folder = await writeTinyClip({ 'onnx/vision_model_fp16.onnx': pictureTower({ type: 'float16' }), 'README.md': { any: 'text' }, LICENSE: { any: 'terms' } }) // prettier-ignore
    const model = await modelOn({ folder })
    expect(await listModelFiles(model)).toEqual([
      'clip/LICENSE',
      'clip/config.json',
      'clip/onnx/text_model.onnx',
      'clip/onnx/vision_model.onnx',
      'clip/preprocessor_config.json',
      'clip/tokenizer.json',
      'clip/tokenizer_config.json',
      'config.json',
      'onnx/image_head.onnx',
      'onnx/text_model.onnx',
    ])
    const encoder = await open(model)
    const [vector] = await encoder.encodeImages([await purple()])
    const expected = normalise(Float32Array.of(0xaa, 0, 0xcc))
    for (const [i, value] of (vector ?? []).entries()) expect(value).toBeCloseTo(expected[i] ?? NaN, 6)
  })

  it.each([
    ['fp16', '_fp16', pictureTower({ type: 'float16' }), textTower({ factor: 0.5 })],
    ['int8', '_quantized', pictureTower({ factor: 2 }), textTower({ factor: 3 })],
    ['int8', '_uint8', pictureTower({ factor: 2 }), textTower({ factor: 3 })],
  ] as const)('takes its files in %s where these are wanted: %s', async (precision, ending, vision, text) => {
    const smaller = { [`onnx/vision_model${ending}.onnx`]: vision, [`onnx/text_model${ending}.onnx`]: text }
    const folder = await writeTinyClip(smaller)
    const model = await modelOn({ folder, precision })
    const files = (await listModelFiles(join(model, 'clip'))).filter((path) => path.endsWith('.onnx'))
    expect(files.toSorted()).toEqual(Object.keys(smaller).toSorted())
    const [full, small] = [await open(await modelOn({ folder })), await open(model)]
    const [[image], [own]] = [await full.encodeImages([await purple()]), await small.encodeImages([await purple()])]
    for (const [i, value] of (own ?? []).entries()) expect(value).toBeCloseTo(image?.[i] ?? NaN, 3)
  })

  it('is as good on both halves in one file', async () => {
    const folder = await writeTinyClip({ 'onnx/model.onnx': jointModel() })
    const apart = await open(await modelOn({ folder }))
    for (const name of ['vision_model', 'text_model']) await rm(join(folder, 'onnx', `${name}.onnx`))
    const model = await modelOn({ folder })
    expect(existsSync(join(model, 'clip', 'onnx', 'model.onnx'))).toBe(true)
    const texts = ["a dog's", 'a dog']
    expect(await (await open(model)).encodeTexts(texts)).toEqual(await apart.encodeTexts(texts))
  })

  it.each([
    ['clip/tokenizer.json', 'clip/tokenizer.json'],
    ['clip/onnx/text_model.onnx', 'text_model'],
    ['onnx/image_head.onnx', 'onnx/image_head.onnx'],
  ])('is not complete without %s', async (path, words) => {
    const model = await modelOn({ folder: await writeTinyClip() })
    await checkModelFolder(model)
    await rm(join(model, path))
    await expect(checkModelFolder(model)).rejects.toMatchObject(invalid(words))
  })

  it.each([
    ['onnx/vision_model.onnx', pictureTower({ factor: 2 })],
    ['onnx/text_model.onnx', textTower({ factor: 2 })],
    ['preprocessor_config.json', Buffer.from('{"size":4,"do_center_crop":true,"crop_size":4}')],
  ])('refuses another CLIP, be it by its %s alone', async (path, bytes) => {
    const model = await modelOn({ folder: await writeTinyClip() })
    await writeFile(join(model, 'clip', path), bytes)
    await expect(openDualEncoder(model)).rejects.toMatchObject(invalid('put it together with the one it was made on'))
  })

  it('carries no network whose weights lie in a second file', async () => {
    const folder = await writeTinyClip()
    const graph = createGraph('vision')
    graph.output('image_embeds', graph.input('pixel_values', 'float32', ['images', 3]), 'float32', ['images', 3])
    const { default: proto } = await import('onnx-proto')
    const model = proto.onnx.ModelProto.decode(graph.encode())
    const location = [{ key: 'location', value: 'vision_model.onnx_data' }]
    const weights = { name: 'w', dataType: 1, dims: [1], dataLocation: 1, externalData: location }
    const parts = { ...model.graph, initializer: [weights] }
    const bytes = proto.onnx.ModelProto.encode(Object.assign(model, { graph: parts })).finish()
    await mkdir(join(folder, 'onnx'), { recursive: true })
    await writeFile(join(folder, 'onnx', 'vision_model.onnx'), bytes)
    await expect(clipFiles({ folder })).rejects.toMatchObject(invalid('CLIP_PRECISION'))
  })

  it('is opened by its type, as a published CLIP is', async () => {
    const folder = await writeTinyClip()
    const [trained, published] = [await openEncoder(await modelOn({ folder })), await openEncoder(folder)]
    onTestFinished(() => trained.close())
    onTestFinished(() => published.close())
    expect([trained.modelVersion, published.modelVersion]).toEqual(['m-clip', expect.stringMatching(/^clip-[0-9a-f]{16}$/)]) // prettier-ignore
    const config = await readFile(join(folder, 'config.json'), 'utf8')
    await writeFile(join(folder, 'config.json'), config.replace('clip', 'bert'))
    await expect(openEncoder(folder)).rejects.toMatchObject(invalid('is of the type bert'))
  })
})

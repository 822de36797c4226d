import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openClipEncoder } from '../../../src/models/pretrained/clip-encoder.ts'
import type { Encoder } from '../../../src/ports/encoder.ts'
import { encoderContract } from '../../contracts/encoder.ts'
import { sharedPath } from '../../fixtures/shared.ts'
import { jointModel, pictureTower, textOf, textTower, TINY_CLIP_LENGTH, writeTinyClip } from './tiny-clip.ts'
import { tinyTextModel, writeFiles } from './tiny-text-model.ts'

/** A picture of one colour. */
const picture = (background: string): Promise<Buffer> =>
  sharp({ create: { width: 16, height: 16, channels: 3, background } })
    .png()
    .toBuffer()

type Options = NonNullable<Parameters<typeof openClipEncoder>[1]>

async function open(folder: string, options?: Options): Promise<Encoder> {
  const encoder = await openClipEncoder(folder, options)
  onTestFinished(() => encoder.close())
  return encoder
}

const inputOf = (bytes: Uint8Array) => ({ imageId: null, bytes: async () => bytes })
const expectClose = (vector: Float32Array | undefined, expected: ArrayLike<number>): void => {
  expect(vector).toHaveLength(expected.length)
  for (const [index, value] of (vector ?? []).entries()) {
    expect(Math.abs(value - (expected[index] ?? NaN))).toBeLessThan(1e-4)
  }
}

type Reference = {
  readonly folder: string
  readonly pictures: readonly Uint8Array[]
  readonly image_embeds: readonly ArrayLike<number>[]
  readonly texts: readonly string[]
  readonly text_embeds: readonly ArrayLike<number>[]
}

/** The published form of a CLIP with PyTorch's vectors; where it is not at hand, the tiny one. */
async function reference(): Promise<Reference> {
  const [folder, images] = [sharedPath('models', 'clip-tiny-random'), sharedPath('flickr8k', 'Images')]
  if (folder !== null && images !== null) {
    const text = await readFile(join(folder, 'expected.json'), 'utf8')
    const expected = JSON.parse(text) as Omit<Reference, 'folder' | 'pictures'> & { readonly images: readonly string[] }
    return {
      folder,
      pictures: await Promise.all(expected.images.map((name) => readFile(join(images, name)))),
      ...expected,
    }
  }
  return {
    folder: await writeTinyClip(),
    pictures: [await picture('#f00'), await picture('#0f0')],
    image_embeds: [[1, 0, 0], [0, 1, 0]], // prettier-ignore
    texts: ['a dog', "dog's"],
    text_embeds: [textOf([0, 61, 121, 1]), textOf([0, 121, 125, 1])],
  }
}

describe('CLIP', () => {
  encoderContract(async () => {
    const { folder } = await reference()
    const pictures = await Promise.all([picture('#f00'), picture('#0a0'), picture('#00f')])
    return { encoder: await open(folder), pictures, reopen: () => openClipEncoder(folder) }
  })

  it('gives the vectors that the reference libraries give', async () => {
    const { folder, pictures, image_embeds, texts, text_embeds } = await reference()
    const encoder = await open(folder)
    const images = await encoder.encodeImages(pictures.map(inputOf))
    expect(images).toHaveLength(image_embeds.length)
    for (const [index, vector] of images.entries()) expectClose(vector, image_embeds[index] ?? [])
    const vectors = await encoder.encodeTexts(texts)
    expect(vectors).toHaveLength(text_embeds.length)
    for (const [index, vector] of vectors.entries()) expectClose(vector, text_embeds[index] ?? [])
  })

  it('cuts a text at its context', async () => {
    const encoder = await open(await writeTinyClip())
    const [long, cut] = await encoder.encodeTexts(['dog '.repeat(40), 'dog '.repeat(TINY_CLIP_LENGTH - 2)])
    expect(long).toEqual(cut)
  })

  it('takes both halves from one file, also on threads of their own', async () => {
    const folder = await writeTinyClip({ 'onnx/model.onnx': jointModel() })
    for (const name of ['vision_model', 'text_model']) await rm(join(folder, 'onnx', `${name}.onnx`))
    const [here, there] = [await open(folder), await open(folder, { onThread: true })]
    expect(there.modelVersion).toBe(here.modelVersion)
    for (const encoder of [here, there]) {
      const [image] = await encoder.encodeImages([inputOf(await picture('#00f'))])
      expectClose(image, [0, 0, 1])
      const [text] = await encoder.encodeTexts(['a dog'])
      expectClose(text, textOf([0, 61, 121, 1]))
    }
  })

  it('takes halves in 16 bits where they are asked for', async () => {
    const folder = await writeTinyClip({
      'onnx/vision_model_fp16.onnx': pictureTower({ type: 'float16' }),
      'onnx/text_model_fp16.onnx': textTower({ factor: 0.5 }),
    })
    const [full, half] = [await open(folder), await open(folder, { precision: 'fp16' })]
    expect(half.modelVersion).not.toBe(full.modelVersion)
    const purple = inputOf(await picture('#a0c'))
    const [expected] = await full.encodeImages([purple])
    const [image] = await half.encodeImages([purple])
    for (const [index, value] of (image ?? []).entries()) expect(value).toBeCloseTo(expected?.[index] ?? NaN, 3)
    await expect(open(folder, { precision: 'int8' })).rejects.toMatchObject({ code: 'model-invalid' })
  })

  it.each([
    ['halves of two models', { 'onnx/text_model.onnx': textTower({ width: 5 }) }, 'texts 5'],
    ['pictures of another size than its own', { 'onnx/vision_model.onnx': pictureTower({ side: 6 }) }, 'preprocessor'],
    ['a text half without embeddings', { 'onnx/text_model.onnx': tinyTextModel() }, 'last_hidden_state'],
    ['a picture half that is none', { 'onnx/vision_model.onnx': textTower() }, 'picture'],
    ['no configuration of texts that makes sense', { 'config.json': { text_config: { max_position_embeddings: -1 } } }, 'text_config'], // prettier-ignore
  ])('refuses %s', async (_, files, words) => {
    const refusal = { code: 'model-invalid', message: expect.stringContaining(words) as string }
    await expect(open(await writeTinyClip(files))).rejects.toMatchObject(refusal)
  })

  it('refuses a folder without ONNX files, and a damaged file of both halves', async () => {
    const folder = await writeTinyClip()
    await rm(join(folder, 'onnx'), { recursive: true })
    await expect(open(folder)).rejects.toMatchObject({ code: 'model-invalid' })
    await writeFiles(folder, { 'onnx/model.onnx': jointModel().subarray(0, 90) })
    await expect(open(folder)).rejects.toMatchObject({ code: 'model-corrupt' })
  })
})

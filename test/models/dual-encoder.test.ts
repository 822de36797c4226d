import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { imageIdOf } from '../../src/core/ids.ts'
import { dot } from '../../src/core/vector.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import { createFeatureCache } from '../../src/models/feature-cache.ts'
import { assembleModelFolder } from '../../src/models/model-folder.ts'
import { photograph, photographs } from '../fixtures/photographs.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinyModel } from './tiny-model.ts'

async function inputs() {
  const files = await photographs(3)
  return files.map((bytes) => ({ imageId: imageIdOf(bytes), bytes: async () => bytes }))
}

async function modelFolder() {
  const root = await temporaryFolder()
  const folder = join(root, 'model')
  const { backboneFolder, dimension } = await writeTinyModel(folder)
  await assembleModelFolder(folder, backboneFolder)
  return { root, folder, dimension }
}

async function tinyEncoder() {
  const { root, folder, dimension } = await modelFolder()
  const encoder = await openDualEncoder(folder)
  onTestFinished(() => encoder.close())
  return { root, folder, encoder, dimension }
}

describe('dual encoder', () => {
  it('gives unit vectors of its dimension for pictures and texts', async () => {
    const { encoder, dimension } = await tinyEncoder()
    expect(encoder).toMatchObject({ modelVersion: 'm-tiny', dimension })
    const vectors = [...(await encoder.encodeImages(await inputs())), ...(await encoder.encodeTexts(['a red circle']))]
    expect(vectors).toHaveLength(4)
    const [first = new Float32Array(), second = new Float32Array()] = vectors
    expect(dot(first, second)).toBeLessThan(0.9999)
    for (const vector of vectors) {
      expect(vector).toHaveLength(dimension)
      expect(dot(vector, vector)).toBeCloseTo(1, 5)
    }
  })

  it('gives a unit vector to a text of which it knows no word', async () => {
    const { encoder } = await tinyEncoder()
    for (const vector of await encoder.encodeTexts(['', '!?', 'zyzzyva quokka', ' '])) {
      expect(dot(vector, vector)).toBeCloseTo(1, 5)
    }
  })

  it('gives each of many concurrent calls its own vectors, whatever company they have', async () => {
    const { encoder } = await tinyEncoder()
    const texts = ['red', 'two blue squares', 'a red square', 'circle', 'blue']
    const alone = []
    for (const text of texts) alone.push(...(await encoder.encodeTexts([text])))
    const together = await Promise.all(texts.map((text) => encoder.encodeTexts([text])))
    for (const [index, [vector = new Float32Array()]] of together.entries()) {
      expect(dot(vector, alone[index] ?? new Float32Array())).toBeCloseTo(1, 5)
    }
    const pictures = await inputs()
    const many = await encoder.encodeImages(pictures)
    const single = await Promise.all(pictures.map((picture) => encoder.encodeImages([picture])))
    for (const [index, [vector = new Float32Array()]] of single.entries()) {
      expect(dot(vector, many[index] ?? new Float32Array())).toBeCloseTo(1, 5)
    }
  })

  it('sees a picture and its mirror image as the same, since both views are averaged', async () => {
    const { encoder } = await tinyEncoder()
    const { default: sharp } = await import('sharp')
    const plain = await sharp(await photograph())
      .png()
      .toBuffer()
    const mirrored = await sharp(plain).flop().png().toBuffer()
    const [first, second] = await encoder.encodeImages(
      [plain, mirrored].map((bytes) => ({ imageId: null, bytes: async () => bytes })),
    )
    expect(dot(first ?? new Float32Array(), second ?? new Float32Array())).toBeCloseTo(1, 3)
  })

  it('does not read a picture whose features are cached', async () => {
    const { root, folder } = await tinyEncoder()
    const blobs = createFileBlobStore({ folder: join(root, 'blobs') })
    const features = createFeatureCache({ blobs, folder: join(root, 'features') })
    const encoder = await openDualEncoder(folder, { features })
    const pictures = await inputs()
    const computed = await encoder.encodeImages(pictures)
    const unread = pictures.map(({ imageId }) => ({ imageId, bytes: () => Promise.reject(new Error('was read')) }))
    expect(await encoder.encodeImages(unread)).toEqual(computed)
    await encoder.close()
    await features.close()
  })

  it('throws the error of a picture that is none, and goes on', async () => {
    const { encoder } = await tinyEncoder()
    const text = { imageId: null, bytes: async () => Buffer.from('no picture') }
    await expect(encoder.encodeImages([text])).rejects.toMatchObject({ code: 'image-type-refused' })
    expect(await encoder.encodeImages(await inputs())).toHaveLength(3)
  })

  it('says what is wrong with a folder', async () => {
    const { root, folder } = await modelFolder()
    await expect(openDualEncoder(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'model-not-found' })
    const config = await readFile(join(folder, 'config.json'), 'utf8')
    const broken: [string, string][] = [
      ['{', 'not JSON'],
      ['{}', 'model_type'],
      [config.replace('dual-encoder', 'other'), 'model_type'],
      [config.replace(/"feature_width":\d+/, '"feature_width":7'), '7 features'],
    ]
    for (const [text, reason] of broken) {
      await writeFile(join(folder, 'config.json'), text)
      await expect(openDualEncoder(folder)).rejects.toMatchObject({
        code: 'model-invalid',
        message: expect.stringContaining(reason) as string,
      })
    }
    await writeFile(join(folder, 'config.json'), config)
    await writeFile(join(folder, 'onnx', 'text_model.onnx'), 'damaged')
    await expect(openDualEncoder(folder)).rejects.toMatchObject({ code: 'model-corrupt' })
    await rm(join(folder, 'onnx', 'image_head.onnx'))
    await expect(openDualEncoder(folder)).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining('onnx/image_head.onnx') as string,
    })
  })
})

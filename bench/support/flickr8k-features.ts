import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { decodePixels } from '../../src/models/decode-image.ts'
import { readPreprocessing } from '../../src/models/preprocessing.ts'
import type { View } from '../../src/models/views.ts'

/** An image of Flickr8k: its file name, its captions and where its features are. */
export type FlickrImage = { readonly name: string; readonly captions: readonly string[]; readonly row: number }
export type FlickrFeatures = {
  readonly width: number
  readonly views: readonly View[]
  /** [rows, views, width]. */
  readonly features: Float32Array
  readonly train: readonly FlickrImage[]
  readonly validation: readonly FlickrImage[]
}

const lines = async (path: string) => (await readFile(path, 'utf8')).split('\n').filter((line) => line.trim() !== '')

async function readCaptions(folder: string): Promise<ReadonlyMap<string, string[]>> {
  const captions = new Map<string, string[]>()
  for (const line of await lines(join(folder, 'Flickr8k.token.txt'))) {
    const [key = '', caption = ''] = line.split('\t')
    const name = key.replace(/#\d+$/, '')
    captions.set(name, [...(captions.get(name) ?? []), caption.trim()])
  }
  return captions
}

async function extract(
  folder: string,
  model: string,
  looks: readonly View[],
  names: readonly string[],
  target: string,
) {
  const preprocessing = await readPreprocessing(model)
  const { width, height } = preprocessing.crop
  const path = join(model, 'onnx/model.onnx')
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  const file = await open(`${target}.part`, 'w')
  for (const [done, name] of names.entries()) {
    const pictures = await decodePixels(await readFile(join(folder, 'Images', name)), preprocessing, looks)
    const values = Float32Array.from(pictures.flatMap((picture) => [...picture]))
    const pixels = new ort.Tensor('float32', values, [looks.length, 3, height, width])
    const { features } = await session.run({ pixels }, ['features'])
    const data = features?.data as Float32Array
    await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    if (done % 500 === 0) console.error(`features of ${done} of ${names.length} images`)
  }
  await file.sync()
  await file.close()
  await rename(`${target}.part`, target)
}

/** The images that are learned from and those that judge, with their captions. */
export async function flickrImages(shared: string): Promise<Pick<FlickrFeatures, 'train' | 'validation'>> {
  const folder = join(shared, 'flickr8k')
  const captions = await readCaptions(folder)
  const trainNames = await lines(join(folder, 'Flickr_8k.trainImages.txt'))
  const names = [...trainNames, ...(await lines(join(folder, 'Flickr_8k.devImages.txt')))].map((name) => name.trim())
  const images = names.map((name, row) => ({ name, captions: captions.get(name) ?? [], row }))
  return { train: images.slice(0, trainNames.length), validation: images.slice(trainNames.length) }
}

/** Flickr8k's features under MobileNetV2, from the cache in `cacheFolder` or made now (some minutes). */
export async function flickrFeatures(
  shared: string,
  cacheFolder: string,
  looks: readonly View[] = ['plain', 'flipped'],
): Promise<FlickrFeatures> {
  const folder = join(shared, 'flickr8k')
  const width = 1280
  const images = await flickrImages(shared)
  const suffix = looks.length === 2 ? '' : `-${looks.length}`
  const target = join(cacheFolder, `flickr8k-mobilenet-v2${suffix}.f32`)
  await mkdir(cacheFolder, { recursive: true })
  if (!existsSync(target)) {
    const names = [...images.train, ...images.validation].map(({ name }) => name)
    await extract(folder, join(shared, 'models/mobilenet-v2-1.0-224'), looks, names, target)
  }
  const bytes = await readFile(target)
  return {
    width,
    views: looks,
    features: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)),
    ...images,
  }
}

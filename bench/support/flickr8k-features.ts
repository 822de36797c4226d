import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import sharp from 'sharp'

/** An image of Flickr8k: its file name, its captions and where its features are. */
export type FlickrImage = { readonly name: string; readonly captions: readonly string[]; readonly row: number }
export type FlickrFeatures = {
  readonly width: number
  /** [rows, views, width]; views are the picture and its mirror image. */
  readonly features: Float32Array
  readonly train: readonly FlickrImage[]
  readonly validation: readonly FlickrImage[]
}

const SIDE = 224
const VIEWS = 2
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

/** [view, 3, side, side]: RGB planes of (byte - 128) / 128, as the backbone's configuration asks. */
async function pixelsOf(path: string): Promise<Float32Array> {
  const { data } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const area = SIDE * SIDE
  const pixels = new Float32Array(VIEWS * 3 * area)
  for (let channel = 0; channel < 3; channel++) {
    for (let place = 0; place < area; place++) {
      const value = ((data[place * 3 + channel] ?? 0) - 128) / 128
      const column = place % SIDE
      pixels[channel * area + place] = value
      pixels[(3 + channel) * area + place - column + SIDE - 1 - column] = value
    }
  }
  return pixels
}

async function extract(folder: string, model: string, names: readonly string[], target: string): Promise<void> {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  const file = await open(`${target}.part`, 'w')
  for (const [done, name] of names.entries()) {
    const pixels = new ort.Tensor('float32', await pixelsOf(join(folder, 'Images', name)), [VIEWS, 3, SIDE, SIDE])
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
export async function flickrFeatures(shared: string, cacheFolder: string): Promise<FlickrFeatures> {
  const folder = join(shared, 'flickr8k')
  const width = 1280
  const images = await flickrImages(shared)
  const target = join(cacheFolder, 'flickr8k-mobilenet-v2.f32')
  await mkdir(cacheFolder, { recursive: true })
  if (!existsSync(target)) {
    const names = [...images.train, ...images.validation].map(({ name }) => name)
    await extract(folder, join(shared, 'models/mobilenet-v2-1.0-224/onnx/model.onnx'), names, target)
  }
  const bytes = await readFile(target)
  return {
    width,
    features: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)),
    ...images,
  }
}

import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { vectorBytes } from '../../src/core/vector.ts'
import { openBackbone, type Backbone } from '../../src/models/backbone.ts'
import { computeFeatures } from '../../src/models/image-features.ts'
import type { Regions } from '../../src/models/regions.ts'
import type { View } from '../../src/models/views.ts'

/** An image of Flickr8k: its file name, its captions and where its features are. */
export type FlickrImage = { readonly name: string; readonly captions: readonly string[]; readonly row: number }
export type FlickrFeatures = {
  readonly width: number
  /** Those that end each row; null where there are none. */
  readonly regions: Regions | null
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
  backbone: Backbone,
  looks: readonly View[],
  names: readonly string[],
  target: string,
): Promise<void> {
  const file = await open(`${target}.part`, 'w')
  for (const [done, name] of names.entries()) {
    const image = { imageId: null, bytes: () => readFile(join(folder, 'Images', name)) }
    const [views = []] = await computeFeatures([image], backbone, looks)
    for (const view of views) await file.write(vectorBytes(view))
    if (done % 500 === 0) console.error(`features of ${done} of ${names.length} images`)
  }
  await file.sync()
  await file.close()
  await rename(`${target}.part`, target)
}

async function readValues(path: string): Promise<Float32Array> {
  const file = await open(path)
  try {
    const values = new Float32Array((await file.stat()).size / Float32Array.BYTES_PER_ELEMENT)
    await file.read(vectorBytes(values), 0, values.byteLength, 0)
    return values
  } finally {
    await file.close()
  }
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

/**
 * Flickr8k's features under MobileNetV2, those of `side` x `side` regions behind them where there is a side; from the cache in `cacheFolder` or made
 * now (some minutes).
 */
export async function flickrFeatures(
  shared: string,
  cacheFolder: string,
  looks: readonly View[] = ['plain', 'flipped'],
  side: number | null = null,
): Promise<FlickrFeatures> {
  const folder = join(shared, 'flickr8k')
  const images = await flickrImages(shared)
  const network = await openBackbone(join(shared, 'models/mobilenet-v2-1.0-224'))
  const backbone = side === null ? network : network.withRegions(side)
  const suffix = `${looks.length === 2 ? '' : `-${looks.length}`}${side === null ? '' : `-regions-${side}`}`
  const target = join(cacheFolder, `flickr8k-mobilenet-v2${suffix}.f32`)
  await mkdir(cacheFolder, { recursive: true })
  if (!existsSync(target)) {
    const names = [...images.train, ...images.validation].map(({ name }) => name)
    await extract(folder, backbone, looks, names, target)
  }
  await network.close()
  return {
    width: backbone.featureWidth,
    regions: backbone.regions,
    views: looks,
    features: await readValues(target),
    ...images,
  }
}

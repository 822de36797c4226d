import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inDevelopmentFold } from '../../src/core/split.ts'
import { normalise } from '../../src/core/vector.ts'
import { readDualEncoderConfiguration } from '../../src/models/model-config.ts'
import { IMAGE_HEAD_FILE } from '../../src/models/model-folder.ts'
import { openOnnxSession } from '../../src/models/onnx-session.ts'
import { openTextTower, type TextTower } from '../../src/models/text-tower.ts'
import { defaultHyperparameters } from '../../src/training/hyperparameters.ts'
import { trainModel } from '../../src/training/train.ts'
import { writeTrainingData, type TrainingImage } from '../../src/training/training-data.ts'
import { progress } from './machine.ts'
import { flickrFeatures, type FlickrImage } from './flickr8k-features.ts'

/** What trains by default, on the training images of Flickr8k: its text side, and the unit vectors of all images by their row. */
export type FlickrModel = {
  readonly train: readonly FlickrImage[]
  readonly validation: readonly FlickrImage[]
  readonly imageVectors: readonly Float32Array[]
  readonly texts: TextTower
}

/** Opens the model in `cacheFolder`, or trains it there, which takes a minute beside what `flickrFeatures` takes. */
export async function flickrModel(
  shared: string,
  cacheFolder: string,
  { seed, threads }: { readonly seed: number; readonly threads: number },
): Promise<FlickrModel> {
  const { features, width, views, train, validation } = await flickrFeatures(shared, cacheFolder)
  const viewsOf = ({ row }: FlickrImage) =>
    views.map((_, view) =>
      features.subarray((row * views.length + view) * width, (row * views.length + view + 1) * width),
    )

  const folder = join(cacheFolder, `flickr8k-model-${seed}`)
  if (!existsSync(folder)) {
    const work = `${folder}.part`
    await rm(work, { recursive: true, force: true })
    await mkdir(work, { recursive: true })
    const images: TrainingImage[] = train.map((image) => ({
      views: viewsOf(image),
      captions: image.captions,
      fold: inDevelopmentFold(image.name) ? 'development' : 'train',
    }))
    await writeTrainingData(work, images)
    await trainModel(
      {
        jobFolder: work,
        outputFolder: join(work, 'model'),
        modelVersion: 'bench',
        seed,
        threads,
        featureWidth: width,
        sentenceWidth: null,
        initialFolder: null,
        hyperparameters: defaultHyperparameters(train.length * 5),
      },
      ({ epoch, epochs, developmentRecall }) => {
        if (developmentRecall !== undefined) progress(`epoch ${epoch} of ${epochs}`)
      },
    )
    await rename(join(work, 'model'), folder)
    await rm(work, { recursive: true })
  }

  const images = [...train, ...validation]
  const head = await openOnnxSession(join(folder, IMAGE_HEAD_FILE), { threads })
  const averages = new Float32Array(images.length * width)
  for (const image of images) {
    for (const view of viewsOf(image)) {
      for (const [i, value] of view.entries()) {
        const at = image.row * width + i
        averages[at] = (averages[at] ?? 0) + value / views.length
      }
    }
  }
  const { image_embeds } = await head.run({ features: { data: averages, shape: [images.length, width] } }, [
    'image_embeds',
  ])
  await head.close()
  const dimension = image_embeds.data.length / images.length
  const imageVectors = images.map(({ row }) =>
    normalise(image_embeds.data.slice(row * dimension, (row + 1) * dimension)),
  )
  const texts = await openTextTower(folder, await readDualEncoderConfiguration(folder), { threads })
  return { train, validation, imageVectors, texts }
}

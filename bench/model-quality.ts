/**
 * Trains configurations of the dual encoder on Flickr8k and prints Recall@1, @5 and @10 both ways, on the development fold (a tenth of
 * the training images) for every seed, with mean and deviation:
 *
 *     npx tsx bench/model-quality.ts [--set '{"wordTower":"gru"}'] [--sentence] [--seeds 1,2,3] [--images 6000] [--threads 2] [--judge]
 *
 * Choices are made by these figures. `--judge` prints those on the 1,000 validation images (5,000 captions) as well, which choose nothing.
 * Reads the shared data beside the checkout (`PAIRSTREAM_SHARED` where it lies elsewhere). The first run extracts features, which takes
 * some minutes, and keeps them under the system's folder for temporary files.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createTokeniser } from '../src/models/tokeniser.ts'
import { inDevelopmentFold } from '../src/core/split.ts'
import { developmentRecall, meanRecall, type BothRecalls } from '../src/training/development-recall.ts'
import { defaultHyperparameters, type Hyperparameters } from '../src/training/hyperparameters.ts'
import { wordTowerOf } from '../src/training/job-shape.ts'
import { trainModel } from '../src/training/train.ts'
import { writeTrainingData, type TrainingImage } from '../src/training/training-data.ts'
import { viewsOf } from '../src/training/views.ts'
import { flickrFeatures, type FlickrImage } from './support/flickr8k-features.ts'

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '6000' },
    threads: { type: 'string', default: '2' },
    seeds: { type: 'string', default: '1' },
    set: { type: 'string', default: '{}' },
    sentence: { type: 'boolean', default: false },
    judge: { type: 'boolean', default: false },
  },
})
const shared = resolve(import.meta.dirname, '..', process.env['PAIRSTREAM_SHARED'] ?? '../shared')
const cache = join(tmpdir(), 'pairstream-bench')
const chosen = JSON.parse(options.set) as Partial<Hyperparameters>
const looks = viewsOf({ imageViews: 'mirrored', ...chosen })
const side = chosen.imageHead === 'attention' ? (chosen.imageRegions ?? defaultHyperparameters(0).imageRegions) : null
const flickr = await flickrFeatures(shared, cache, looks, side)
const { flickrSentences } = options.sentence
  ? await import('./support/flickr8k-sentences.ts')
  : { flickrSentences: null }
const sentences =
  flickrSentences === null ? null : await flickrSentences(shared, cache, [...flickr.train, ...flickr.validation])
const threads = Number(options.threads)

const viewOf = (row: number, view: number) =>
  flickr.features.subarray((row * looks.length + view) * flickr.width, (row * looks.length + view + 1) * flickr.width)
const viewsOfImage = ({ row }: FlickrImage) => looks.map((_, view) => viewOf(row, view))
const sentencesOf = ({ row }: FlickrImage, captions: readonly string[]): { sentences?: Float32Array[] } =>
  sentences === null ? {} : { sentences: captions.map((_, i) => sentences.of(row, i)) }

const images: TrainingImage[] = flickr.train.slice(0, Number(options.images)).map((image) => ({
  views: viewsOfImage(image),
  captions: image.captions,
  ...sentencesOf(image, image.captions),
  fold: inDevelopmentFold(image.name) ? 'development' : 'train',
}))
const hyperparameters: Hyperparameters = {
  ...defaultHyperparameters(images.reduce((sum, { captions }) => sum + captions.length, 0)),
  ...chosen,
}

const figures: { development: BothRecalls; validation: BothRecalls | null; seconds: number }[] = []
for (const seed of options.seeds.split(',').map(Number)) {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  try {
    figures.push(await trainOnce(folder, seed))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
report(
  'development',
  figures.map(({ development }) => development),
)
if (options.judge)
  report(
    'validation',
    figures.flatMap(({ validation }) => validation ?? []),
  )
console.log(`${(figures.reduce((sum, { seconds }) => sum + seconds, 0) / figures.length).toFixed(0)} s a training`)

async function trainOnce(folder: string, seed: number) {
  await writeTrainingData(folder, images)
  const started = performance.now()
  const result = await trainModel(
    {
      jobFolder: folder,
      outputFolder: join(folder, 'model'),
      modelVersion: 'bench',
      seed,
      threads,
      featureWidth: flickr.width,
      regions: flickr.regions,
      sentenceWidth: sentences?.width ?? null,
      initialFolder: null,
      hyperparameters,
    },
    ({ epoch, loss, developmentRecall: recall, secondsLeft }) => {
      if (recall === undefined) return
      console.error(
        `epoch ${epoch}: loss ${loss.toFixed(3)}, R@10 ${percent(recall)}, ${secondsLeft.toFixed(0)} s left`,
      )
    },
  )
  const seconds = (performance.now() - started) / 1000
  const at = (name: string) => result.metrics[`development.${name}`] ?? 0
  const both = (prefix: string) => ({
    at1: at(`${prefix}recall_at_1`),
    at5: at(`${prefix}recall_at_5`),
    at10: at(`${prefix}recall_at_10`),
  })
  const development = { textToImage: both(''), imageToText: both('image_to_text_') }
  const validation = options.judge ? await judge(join(folder, 'model')) : null
  console.error(`seed ${seed}: best epoch ${result.bestEpoch}, ${line(development)}, ${seconds.toFixed(0)} s`)
  return { development, validation, seconds }
}

/** The recall on the validation images, by the model's own files. */
async function judge(model: string): Promise<BothRecalls> {
  const { encode } = createTokeniser(JSON.parse(await readFile(join(model, 'tokenizer.json'), 'utf8')))
  const captions = flickr.validation.flatMap((image, position) =>
    image.captions.map((caption, i) => ({
      ids: encode(caption),
      image: position,
      sentence: sentences?.of(image.row, i) ?? null,
    })),
  )
  const features = new Float32Array(flickr.validation.length * flickr.width)
  for (const [position, image] of flickr.validation.entries()) {
    for (const view of viewsOfImage(image)) {
      for (const [i, value] of view.entries())
        features[position * flickr.width + i] = (features[position * flickr.width + i] ?? 0) + value / looks.length
    }
  }
  const shape = {
    maxLength: hyperparameters.maxLength,
    words: wordTowerOf(hyperparameters),
    sentenceWidth: sentences?.width ?? null,
  }
  const file = (name: string) => readFile(join(model, 'onnx', name))
  const files = { imageHead: await file('image_head.onnx'), textModel: await file('text_model.onnx') }
  return developmentRecall({ features, images: flickr.validation.length, captions }, files, shape, threads)
}

function percent(share: number): string {
  return (share * 100).toFixed(1)
}

function line({ textToImage, imageToText }: BothRecalls): string {
  const three = ({ at1, at5, at10 }: BothRecalls['textToImage']) => [at1, at5, at10].map(percent).join(' / ')
  return `text to image ${three(textToImage)}, image to text ${three(imageToText)}`
}

/** Mean over the seeds, and the deviation of the mean of all six. */
function report(fold: string, recalls: readonly BothRecalls[]): void {
  const mean = (of: (recall: BothRecalls) => number) =>
    recalls.reduce((sum, recall) => sum + of(recall), 0) / recalls.length
  const three = (way: keyof BothRecalls) => ({
    at1: mean((recall) => recall[way].at1),
    at5: mean((recall) => recall[way].at5),
    at10: mean((recall) => recall[way].at10),
  })
  const overall = mean(meanRecall)
  const deviation = Math.sqrt(
    recalls.reduce((sum, recall) => sum + (meanRecall(recall) - overall) ** 2, 0) / Math.max(1, recalls.length - 1),
  )
  const both = { textToImage: three('textToImage'), imageToText: three('imageToText') }
  console.log(
    `${fold}: ${line(both)}; mean of all six ${percent(overall)} ± ${percent(deviation)} (${recalls.length} seeds)`,
  )
}

/**
 * Trains the dual encoder on Flickr8k and prints text-to-image Recall@1, @5 and @10 on the 1,000 validation images
 * (5,000 captions):
 *
 *     npx tsx bench/train-flickr8k.ts [--images 6000] [--threads 2] [--seed 1] [--set '{"maximumEpochs":8}']
 *
 * Reads the shared data beside the checkout (`PAIRSTREAM_SHARED` where it lies elsewhere). The first run extracts the features of
 * the 7,000 pictures and keeps them under the system's folder for temporary files; later runs take about a minute.
 * Hyperparameters are chosen on the development fold (printed after every epoch); the validation images only judge.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { inDevelopmentFold } from '../src/core/split.ts'
import { createTokeniser } from '../src/models/tokeniser.ts'
import { developmentRecall } from '../src/training/development-recall.ts'
import { defaultHyperparameters, type Hyperparameters } from '../src/training/hyperparameters.ts'
import { trainModel } from '../src/training/train.ts'
import { writeTrainingData } from '../src/training/training-data.ts'
import { flickrFeatures, type FlickrFeatures } from './flickr8k-features.ts'

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '6000' },
    threads: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    set: { type: 'string', default: '{}' },
  },
})
const shared = resolve(import.meta.dirname, '..', process.env['PAIRSTREAM_SHARED'] ?? '../shared')
const flickr = await flickrFeatures(shared, join(tmpdir(), 'pairstream-bench'))

const viewOf = ({ features, width }: FlickrFeatures, row: number, view: number) =>
  features.subarray((row * 2 + view) * width, (row * 2 + view + 1) * width)

const folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
try {
  const images = flickr.train.slice(0, Number(options.images))
  const written = await writeTrainingData(
    folder,
    images.map(({ name, captions, row }) => ({
      views: [viewOf(flickr, row, 0), viewOf(flickr, row, 1)],
      captions,
      fold: inDevelopmentFold(name) ? ('development' as const) : ('train' as const),
    })),
  )
  const hyperparameters: Hyperparameters = {
    ...defaultHyperparameters(written.examples),
    ...(JSON.parse(options.set) as Partial<Hyperparameters>),
  }
  const started = performance.now()
  const result = await trainModel(
    {
      jobFolder: folder,
      outputFolder: join(folder, 'model'),
      modelVersion: 'bench',
      seed: Number(options.seed),
      threads: Number(options.threads),
      featureWidth: flickr.width,
      sentenceWidth: null,
      initialFolder: null,
      hyperparameters,
    },
    ({ epoch, loss, developmentRecall: recall, secondsLeft }) => {
      if (recall === undefined) return
      console.log(
        `epoch ${epoch}: loss ${loss.toFixed(4)}, development R@10 ${percent(recall)}, ${secondsLeft.toFixed(0)} s left`,
      )
    },
  )
  const seconds = (performance.now() - started) / 1000
  console.log(
    `${written.examples} pairs of ${written.images} images in ${seconds.toFixed(1)} s; best epoch ${result.bestEpoch}`,
  )
  console.log(JSON.stringify({ ...result.metrics, vocabulary: result.vocabularySize, temperature: result.temperature }))
  await judge(join(folder, 'model'), hyperparameters.maxLength)
} finally {
  await rm(folder, { recursive: true, force: true })
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

/** Prints the recall on the validation images, by the model's own files. */
async function judge(model: string, maxLength: number): Promise<void> {
  const { encode } = createTokeniser(JSON.parse(await readFile(join(model, 'tokenizer.json'), 'utf8')))
  const captions = flickr.validation.flatMap((image, position) =>
    image.captions.map((caption) => ({ ids: encode(caption), image: position, sentence: null })),
  )
  const features = new Float32Array(flickr.validation.length * flickr.width)
  for (const [position, { row }] of flickr.validation.entries()) {
    const flipped = viewOf(flickr, row, 1)
    features.set(
      viewOf(flickr, row, 0).map((value, i) => (value + (flipped[i] ?? 0)) / 2),
      position * flickr.width,
    )
  }
  const recall = await developmentRecall(
    { features, images: flickr.validation.length, captions },
    {
      imageHead: await readFile(join(model, 'onnx/image_head.onnx')),
      textModel: await readFile(join(model, 'onnx/text_model.onnx')),
    },
    { maxLength, words: { kind: 'bag', width: 512 }, sentenceWidth: null },
    Number(options.threads),
  )
  console.log(`validation: R@1 ${percent(recall.at1)}, R@5 ${percent(recall.at5)}, R@10 ${percent(recall.at10)}`)
}

/**
 * Fits the relevance of hits on half of Flickr8k's validation images and reports it on the other half, in each with half of the images taken out of what is
 * searched, so that nothing is right for their captions:
 *
 *     node --import tsx bench/relevance.ts [--threads N] [--seed N] [--quick] [--json] [--update]
 *
 * Once with the validation images as gallery, and once with all images, as a search sees them.  The model is what trains by default; the first run trains it, and keeps it in `pairstream-bench` under the system's folder for
 * temporary files. `--update` writes the plots into docs/images, too.
 */
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { RANKED, type RelevanceReport } from '../src/core/relevance.ts'
import { calibrate, isFittedOn, isTakenOut } from '../src/evaluation/relevance/calibrate.ts'
import type { RankedQuery } from '../src/evaluation/relevance/fit-relevance.ts'
import { reliabilityPlot } from '../src/evaluation/relevance/reliability-plot.ts'
import { rankDocuments } from '../src/evaluation/top-results.ts'
import { flickrModel } from './support/flickr8k-model.ts'
import type { FlickrImage } from './support/flickr8k-features.ts'
import { readOptions } from './support/options.ts'
import { present } from './support/report.ts'

const options = readOptions()
if (options.dataset === null) throw new Error('This benchmark needs the photographs and models beside the checkout.')
const { threads, seed, quick } = options
const model = await flickrModel(dirname(options.dataset), join(tmpdir(), 'pairstream-bench'), { seed, threads })
const judged = quick ? model.validation.slice(0, 200) : model.validation
const texts = judged.flatMap((image) =>
  image.captions.map((caption, i) => ({ id: `${image.name}#${i}`, image, caption })),
)
const vectors = await model.texts.encode(texts.map(({ caption }) => caption))
await model.texts.close()
const queries = texts.map(({ id, image }, i) => ({ id, image, vector: vectors[i] ?? new Float32Array() }))

const embedded = (images: readonly FlickrImage[]) =>
  images.map(({ name, row }) => ({ id: name, vector: model.imageVectors[row] ?? new Float32Array() }))

function rankedIn(gallery: readonly FlickrImage[]): RankedQuery[] {
  const documents = embedded(
    gallery.filter(({ name }) => !judged.some((image) => image.name === name) || !isTakenOut(name)),
  )
  const images = new Map(queries.map(({ id, image }) => [id, image.name]))
  return [...rankDocuments(queries, documents, RANKED)].map(({ queryId, results }) => {
    const imageId = images.get(queryId) ?? ''
    const hits = results.map(({ id, score }) => ({ score, isRight: id === imageId }))
    return { imageId, isAnswerable: !isTakenOut(imageId), hits }
  })
}

/** In the small gallery each half is searched on its own, so that both are as large as each other. */
const byHalves = [true, false].flatMap((fitted) => {
  const half = judged.filter(({ name }) => isFittedOn(name) === fitted)
  return rankedIn(half).filter(({ imageId }) => isFittedOn(imageId) === fitted)
})
const galleries = [
  { name: 'half of the validation images', file: 'relevance-validation', ranked: byHalves },
  { name: 'all images', file: 'relevance-all', ranked: rankedIn([...model.train, ...judged]) },
].map(({ name, file, ranked }) => {
  const calibration = calibrate(ranked)
  if (calibration === null) throw new Error('There are too few images to fit anything on.')
  return { name, file, ...calibration }
})

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const rows: readonly (readonly [string, (report: RelevanceReport) => string | number])[] = [
  ['queries reported on', ({ queries: count }) => count],
  ['ECE, hits of first pages', ({ calibrationError }) => calibrationError],
  ['ECE, best hits', ({ calibrationErrorOfBest }) => calibrationErrorOfBest],
  ['AUROC, hits of first pages', ({ auroc }) => auroc],
  ['AUROC, best hits', ({ aurocOfBest }) => aurocOfBest],
  ['said to match nothing, though there is an answer', ({ wronglyEmpty }) => percent(wronglyEmpty)],
  ['said to match nothing, and there is no answer', ({ rightlyEmpty }) => percent(rightlyEmpty)],
]
if (options.update && !quick) {
  const folder = resolve(import.meta.dirname, '../docs/images')
  for (const { file, report } of galleries) await writeFile(join(folder, `${file}.svg`), reliabilityPlot(report))
}
await present(
  {
    name: 'relevance',
    setting: [
      `Captions of ${judged.length} validation images; right is the picture of a caption and nothing else. Fitted on half of the images and reported on the other half; half of either half is taken out of the gallery. Seed ${seed}.`,
    ],
    tables: [
      {
        columns: ['searched', ...galleries.map(({ name }) => name)],
        rows: [
          ...rows.map(([name, figure]) => [name, ...galleries.map(({ report }) => figure(report))]),
          ['threshold', ...galleries.map(({ threshold }) => threshold)],
        ],
      },
    ],
    targets: galleries.flatMap(({ name, report }) => [
      {
        what: `ECE at most 0.05, ${name}`,
        met: Math.max(report.calibrationError, report.calibrationErrorOfBest) <= 0.05,
      },
      { what: `at most 5 % wrongly empty, ${name}`, met: report.wronglyEmpty <= 0.05 },
    ]),
  },
  options,
)

/**
 * Trains a reranker on captions of Flickr8k and measures what it makes of lists that the sentence encoder found; the peer is these lists
 * as they were:
 *
 *     node --import tsx bench/reranker.ts [--threads N] [--seed N] [--quick] [--json] [--update]
 *
 * A query is a caption of a validation image, candidates are the 50 nearest captions of all validation images, without itself and those
 * that read the same; relevant are the other captions of its image. Training and the choice of an epoch see training images only, and no
 * caption that a validation image has too. Some minutes; the first run reads all captions too, and keeps what it read in
 * `pairstream-bench` under the system's folder for temporary files.
 */
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { measureLabels, measureNames } from '../src/evaluation/measures.ts'
import { comparedMeasures, FIELD_FIGURES } from '../src/reranking/evaluate-reranking.ts'
import { CANDIDATES } from '../src/reranking/first-stage.ts'
import { openReranker } from '../src/reranking/open-reranker.ts'
import { runRerankerJob, type RerankerProgress } from '../src/reranking/reranker-job.ts'
import { flickrImages } from './support/flickr8k-features.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { present } from './support/report.ts'
import { captionJudgements, withoutTexts } from './support/reranker-data.ts'
import { timed } from './support/rounds.ts'
import { latencyOf } from './support/statistics.ts'

const options = readOptions()
if (options.dataset === null) throw new Error('This benchmark needs the photographs and models beside the checkout.')
const shared = dirname(options.dataset)
const { threads, seed, quick } = options
const folder = join(tmpdir(), 'pairstream-bench', quick ? 'reranker-quick' : 'reranker')
const encoderFolder = join(shared, 'models/all-MiniLM-L6-v2')
/** Captions of an image that are queries of the training: more of them teach little that is new. */
const QUERIES_AN_IMAGE = 2

const images = await flickrImages(shared)
const validation = quick ? images.validation.slice(0, 100) : images.validation
const judged = captionJudgements(validation, Infinity)
const learned = withoutTexts(
  captionJudgements(quick ? images.train.slice(0, 600) : images.train, QUERIES_AN_IMAGE),
  judged,
)
// What was learned is learned anew: the code may have changed.
await rm(join(folder, 'checkpoint.safetensors'), { force: true })
const started = performance.now()
const outputFolder = join(folder, 'model')
const { history, examples, evaluation } = await runRerankerJob(
  {
    jobFolder: folder,
    outputFolder,
    modelVersion: 'bench-reranker',
    encoderFolder,
    championFolder: null,
    learned,
    judged,
    seed,
    threads,
  },
  createReporter(),
)
const minutes = ((performance.now() - started) / 60_000).toFixed(1)
for (const { epoch, loss, ndcg_10 } of history) progress(`epoch ${epoch}: loss ${loss.toFixed(4)}, development NDCG@10 ${ndcg_10.toFixed(4)}`) // prettier-ignore
const { queries, unranked, challenger, overUnranked } = evaluation
const [alone, inBatches] = await measureSpeed()

await present(
  {
    name: 'reranker',
    setting: [
      `${queries} queries of ${CANDIDATES} candidates each; trained on ${examples} pairs, 30 % of them positive, in ${minutes} minutes with reading and judging. ${threads} threads; seed ${seed}.`,
      'The field reports 0.85 NDCG@10, 0.75 MRR and 0.70 MAP, on other data and lists. The p-values are two-sided; images are resampled.',
    ],
    tables: [
      {
        columns: ['measure', 'before (peer)', 'after', 'difference', 'paired t-test, p', 'randomisation test, p', 'the field'], // prettier-ignore
        rows: comparedMeasures.map((name) => {
          const { difference, pairedTTest, randomisationTest } = overUnranked[name]
          return [measureLabels[name], unranked[name], challenger[name], difference, pairedTTest, randomisationTest, FIELD_FIGURES[name]] // prettier-ignore
        }),
      },
      {
        columns: ['further measures', 'before (peer)', 'after'],
        rows: measureNames
          .filter((name) => !comparedMeasures.some((compared) => compared === name))
          // A list has few relevant documents, so here hits and recall differ.
          .map((name) => [measureLabels[name].replace(/^Recall@/, 'Hits@'), unranked[name], challenger[name]]),
      },
      {
        columns: ['milliseconds a pair', 'median', '99th percentile'],
        rows: [
          ['alone', alone.median, alone.p99],
          [`${CANDIDATES} at a time`, inBatches.median, inBatches.p99],
        ],
      },
    ],
    targets: [
      ...comparedMeasures.map((name) => {
        const { difference, pairedTTest, randomisationTest } = overUnranked[name]
        const met = difference > 0 && Math.max(pairedTTest, randomisationTest) < 0.05
        return { what: `${measureLabels[name]} above the list as it was, both p below 0.05`, met }
      }),
      { what: 'under 100 ms for a pair', met: alone.p99 < 100 },
      { what: 'under 50 ms a pair in batches', met: inBatches.p99 < 50 },
    ],
  },
  options,
)

/** Says now and then how far it is. */
function createReporter() {
  let last = performance.now()
  return (at: RerankerProgress): void => {
    if (performance.now() - last < 15_000 && at.stage !== 'judging') return
    last = performance.now()
    if (at.stage === 'reading') progress(`${at.done} of ${at.of} captions are read`)
    else if (at.stage === 'training') progress(`step ${at.step} of ${at.steps}, loss ${at.loss.toFixed(3)}`)
    else progress(`${at.lists} lists to be judged`)
  }
}

/** Milliseconds a pair, one at a time and a list at a time, texts read anew each time. */
async function measureSpeed() {
  const reranker = await openReranker(outputFolder, { threads })
  const captions = validation.flatMap((image) => image.captions)
  const [single, listed]: [number[], number[]] = [[], []]
  for (let from = 0; from + CANDIDATES < captions.length && listed.length < 20; from += CANDIDATES) {
    const [query = '', ...documents] = captions.slice(from, from + CANDIDATES + 1)
    for (const document of documents.slice(0, 10)) single.push(await timed(() => reranker.rank(query, [document])))
    listed.push((await timed(() => reranker.rank(query, documents))) / documents.length)
  }
  await reranker.close()
  return [latencyOf(single), latencyOf(listed)] as const
}

/**
 * Trains a reranker on captions of Flickr8k and measures what it makes of lists that the sentence encoder found; the peer is these lists
 * as they were:
 *
 *     node --import tsx bench/reranker.ts [--threads N] [--seed N] [--quick] [--json] [--update]
 *
 * A query is the first caption of an image, candidates are the 50 nearest captions of all validation images, without itself and those that
 * read the same; relevant are the other captions of its image. Training and the choice of an epoch see training images only. Some
 * minutes; the first run reads all captions too, and keeps what it read in `pairstream-bench` under the system's folder for temporary files.
 */
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { measureLabels, measureNames } from '../src/evaluation/measures.ts'
import { balancePairs } from '../src/reranking/draw-negatives.ts'
import {
  comparedMeasures,
  evaluateReranking,
  FIELD_FIGURES,
  type CandidateList,
} from '../src/reranking/evaluate-reranking.ts'
import { cleanPairs, splitByTime } from '../src/reranking/labelled-pairs.ts'
import { openTrainedReranker } from '../src/reranking/trained-reranker.ts'
import { trainReranker, type RerankerProgress } from '../src/reranking/train-reranker.ts'
import { defaultInteraction } from '../src/reranking/train-interaction.ts'
import { flickrImages } from './support/flickr8k-features.ts'
import { flickrSentences } from './support/flickr8k-sentences.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { present } from './support/report.ts'
import { CANDIDATES, candidateLists, trainingMaterial } from './support/reranker-lists.ts'
import { largestDifference, scoresOfLists } from './support/reranker-scores.ts'
import { timed } from './support/rounds.ts'
import { latencyOf } from './support/statistics.ts'

const options = readOptions()
if (options.dataset === null) throw new Error('This benchmark needs the photographs and models beside the checkout.')
const shared = dirname(options.dataset)
const { threads, seed, quick } = options
const cache = join(tmpdir(), 'pairstream-bench')
const folder = join(cache, quick ? 'reranker-quick' : 'reranker')
const encoderFolder = join(shared, 'models/all-MiniLM-L6-v2')
/** Captions of an image that are queries of the training. */
const QUERIES_AN_IMAGE = quick ? 1 : 3
const MAX_TOKENS = 32
/** What half precision may do to a score. */
const AGREEMENT = 0.05

const images = await flickrImages(shared)
const sentences = await flickrSentences(shared, cache, [...images.train, ...images.validation])
const judged = candidateLists(quick ? images.validation.slice(0, 100) : images.validation, sentences)
const reranker = await train()
const served = await openTrainedReranker(join(folder, 'model'), { threads })
const rank = await scoresOfLists(reranker, judged, encoderFolder, join(folder, 'validation.f16'), threads)
const some = judged.slice(0, 20)
const difference = await largestDifference(served, rank, some)
if (difference > AGREEMENT)
  throw new Error(`The reranker that is served differs from the one that is judged by ${difference}.`)
const { queries, before, after, changes } = await evaluateReranking(judged, rank)
const [alone, inBatches] = await measureSpeed(some)
await served.close()

await present(
  {
    name: 'reranker',
    setting: [
      `${queries} queries of ${CANDIDATES} candidates each; trained on ${reranker.pairs} pairs, 30 % of them positive, in ${reranker.minutes} minutes; best epoch by the development pairs: ${reranker.epoch}. ${threads} threads; seed ${seed}.`,
      'The field reports 0.85 NDCG@10, 0.75 MRR and 0.70 MAP, on other data and lists. The p-values are two-sided; images are resampled.',
    ],
    tables: [
      {
        columns: ['measure', 'before (peer)', 'after', 'difference', 'paired t-test, p', 'randomisation test, p', 'the field'], // prettier-ignore
        rows: comparedMeasures.map((name) => {
          const { difference: change, pairedTTest, randomisationTest } = changes[name]
          return [measureLabels[name], before[name], after[name], change, pairedTTest, randomisationTest, FIELD_FIGURES[name]] // prettier-ignore
        }),
      },
      {
        columns: ['further measures', 'before (peer)', 'after'],
        rows: measureNames
          .filter((name) => !comparedMeasures.some((compared) => compared === name))
          .map((name) => [hitsOf(measureLabels[name]), before[name], after[name]]),
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
      ...comparedMeasures.map((name) => ({
        what: `${measureLabels[name]} above the list as it was, both p below 0.05`,
        met:
          changes[name].difference > 0 && Math.max(changes[name].pairedTTest, changes[name].randomisationTest) < 0.05,
      })),
      { what: 'under 100 ms for a pair', met: alone.p99 < 100 },
      { what: 'under 50 ms a pair in batches', met: inBatches.p99 < 50 },
    ],
  },
  options,
)

/** A list has few relevant documents, so here hits and recall differ. */
function hitsOf(label: string): string {
  return label.replace(/^Recall@/, 'Hits@')
}

async function train() {
  const own = quick ? images.train.slice(0, 600) : images.train
  const poolSize = Math.min(own.length, images.validation.length)
  const { positives, firstStage } = trainingMaterial(own, sentences, { queriesAnImage: QUERIES_AN_IMAGE, poolSize })
  const split = splitByTime(cleanPairs(positives).pairs)
  const balance = { firstStage, hardShare: 1, seed }
  const pairs = { train: balancePairs(split.train, balance), development: balancePairs(split.development, balance) }
  progress(`${pairs.train.length} pairs to learn from, ${pairs.development.length} to choose by`)
  // What was learned is learned anew: the code may have changed.
  await rm(join(folder, 'checkpoint.safetensors'), { force: true })
  const started = performance.now()
  const { shape, weights, history } = await trainReranker(
    {
      jobFolder: folder,
      outputFolder: join(folder, 'model'),
      modelVersion: 'bench-reranker',
      encoderFolder,
      pairs,
      maxTokens: MAX_TOKENS,
      hyperparameters: defaultInteraction,
      seed,
      threads,
    },
    createReporter(),
  )
  for (const { epoch, loss, ndcg_10 } of history) progress(`epoch ${epoch}: loss ${loss.toFixed(4)}, development NDCG@10 ${ndcg_10.toFixed(4)}`) // prettier-ignore
  const best = history.reduce((one, other) => (other.score > one.score ? other : one))
  const minutes = ((performance.now() - started) / 60_000).toFixed(1)
  return { shape, weights, minutes, epoch: best.epoch, pairs: pairs.train.length }
}

/** Says now and then how far the training is. */
function createReporter() {
  let last = performance.now()
  return (at: RerankerProgress): void => {
    if (performance.now() - last < 15_000) return
    last = performance.now()
    progress(
      at.stage === 'reading'
        ? `${at.texts} of ${at.of} captions are read`
        : `step ${at.step} of ${at.steps}, loss ${at.loss.toFixed(3)}`,
    )
  }
}

/** Milliseconds a pair, one at a time and a list at a time. */
async function measureSpeed(lists: readonly CandidateList[]) {
  const [single, listed]: [number[], number[]] = [[], []]
  for (const { query, candidates } of lists) {
    const documents = candidates.map(({ text }) => text)
    for (const document of documents.slice(0, 10)) single.push(await timed(() => served.rank(query, [document])))
    listed.push((await timed(() => served.rank(query, documents))) / documents.length)
  }
  return [latencyOf(single), latencyOf(listed)] as const
}

/**
 * A training on 1,000,000 drawn pairs beside one on 50,000, streamed from the disk: memory stays flat, and throughput holds:
 *
 *     node --import tsx bench/large-data-set.ts [--threads N] [--quick] [--json] [--update]
 *
 * Each training runs in a process of its own, as it does in the product, for one epoch. Takes 500 MB of the disk for temporary files,
 * and some minutes.
 */
import { join } from 'node:path'
import { createRandom } from '../src/core/random.ts'
import { defaultHyperparameters } from '../src/training/hyperparameters.ts'
import type { TrainingJob, TrainingProgress } from '../src/training/job.ts'
import { trainInProcess } from '../src/training/run-in-process.ts'
import { writeTrainingData, type TrainingImage } from '../src/training/training-data.ts'
import { withFolder } from './support/bench-services.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { present } from './support/report.ts'
import { watchChildren } from './support/resident-memory.ts'
import { median } from './support/statistics.ts'

const options = readOptions()
const sizes = options.quick ? [1_000, 2_000] : [50_000, 1_000_000]
const WIDTH = 256
const CAPTIONS = 5
const WORDS = 10_000
/** More memory than the small data set may cost, in bytes: examples as arrays of numbers, and what grows with words. */
const ALLOWANCE = 300e6

type Measured = { readonly pairs: number; readonly peak: number; readonly early: number; readonly late: number }
const measured: Measured[] = []
for (const pairs of sizes) measured.push(await withFolder((folder) => train(folder, pairs)))

const [small, large] = measured
if (small === undefined || large === undefined) throw new Error('two sizes are measured')
await present(
  {
    name: 'large-data-set',
    setting: [
      `Drawn pairs, ${CAPTIONS} captions of 8 to 12 words an image, ${WIDTH} features under two views; one epoch of the bag of words, batches of 512; ${options.threads} threads.`,
      'Memory is the most that the process of the training had resident (VmHWM). The first tenth of the steps beside the last shows whether it slows down.',
    ],
    tables: [
      {
        columns: ['pairs', 'memory at most, MB', 'pairs/s, first tenth', 'pairs/s, last tenth'],
        rows: measured.map(({ pairs, peak, early, late }) => [
          pairs.toLocaleString('en-GB'),
          Math.round(peak / 1e6),
          Math.round(early),
          Math.round(late),
        ]),
      },
    ],
    targets: [
      { what: '20 times the pairs take at most 300 MB more', met: large.peak - small.peak <= ALLOWANCE },
      { what: 'the last tenth is at least 0.8 times as quick as the first', met: large.late >= 0.8 * large.early },
      { what: 'pairs a second at least 0.8 times those of the small data set', met: large.late >= 0.8 * small.late },
    ],
  },
  options,
)

/** Images of fifty kinds, whose captions speak of the kind among drawn words. */
function* drawImages(pairs: number): Generator<TrainingImage> {
  const random = createRandom(options.seed)
  for (let image = 0; image < pairs / CAPTIONS; image++) {
    const kind = random.below(50)
    const view = () => Float32Array.from({ length: WIDTH }, (_, i) => (i % 50 === kind ? 1 : 0) + random.float() * 0.5)
    const caption = () =>
      [`kind${kind}`, ...Array.from({ length: 7 + random.below(5) }, () => `word${random.below(WORDS)}`)].join(' ')
    yield {
      views: [view(), view()],
      captions: Array.from({ length: CAPTIONS }, caption),
      fold: image % 100 === 0 ? 'development' : 'train',
    }
  }
}

async function train(folder: string, pairs: number): Promise<Measured> {
  const jobFolder = join(folder, 'job')
  await writeTrainingData(jobFolder, drawImages(pairs))
  progress(`${pairs} pairs are written`)
  const job: TrainingJob = {
    jobFolder,
    outputFolder: join(folder, 'model'),
    modelVersion: 'bench',
    seed: options.seed,
    threads: options.threads,
    featureWidth: WIDTH,
    sentenceWidth: null,
    initialFolder: null,
    hyperparameters: { ...defaultHyperparameters(pairs), maximumEpochs: 1, batchSize: options.quick ? 128 : 512 },
  }
  const steps: { at: number; done: number }[] = []
  const note = ({ step, developmentRecall }: TrainingProgress): void => {
    if (developmentRecall === undefined) steps.push({ at: performance.now(), done: step })
  }
  const watched = watchChildren(process.pid)
  await trainInProcess(job, note, new AbortController().signal)
  const peak = watched.stop()
  const { batchSize } = job.hyperparameters
  const rate = (part: readonly { at: number }[]): number => {
    const gaps = part.slice(1).map(({ at }, i) => at - (part[i]?.at ?? at))
    return (batchSize * 1000) / median(gaps)
  }
  const tenth = Math.max(3, Math.floor(steps.length / 10))
  return { pairs, peak, early: rate(steps.slice(0, tenth)), late: rate(steps.slice(-tenth)) }
}

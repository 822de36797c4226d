import type { Catalogue } from '../../catalogue/catalogue.ts'
import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import { writeSnapshot } from '../../core/snapshot.ts'
import type { Backbone } from '../../models/backbone.ts'
import type { Clip } from '../../models/pretrained/clip.ts'
import type { SentenceEncoder } from '../../models/pretrained/sentence-encoder.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Hyperparameters } from '../hyperparameters.ts'
import { countExamples, learntImages, type LearntImage } from '../learnt-images.ts'
import { adoptedFor, withValues, type Adopted, type FixedValues } from './adopted-hyperparameters.ts'
import { foldOf } from './fold-data.ts'
import { planRungs, type Rung } from './halving.ts'
import { sampleTrials, type Trial } from './sample-trials.ts'
import {
  defaultSearchSpace,
  searchable,
  searchableOnClip,
  type SearchedValues,
  type SearchSpace,
} from './search-space.ts'

/** What digests are made of; a search of another layout is not gone on with. */
const LAYOUT = 1
const DIGEST_DIGITS = 16

export type TuningOptions = {
  readonly trials: number
  readonly folds: number
  readonly seed: number
  /** Null searches what is searched by default. */
  readonly space: SearchSpace | null
  /** Blob key; null takes that of the newest request, or what is alive where nothing was ever requested. */
  readonly snapshot: string | null
}

/** A search as it was asked for: all that its outcome depends on. */
export type Tuning = {
  /** Names the search: the same for the same data, space, folds, seeds and first trial, whatever the number of trials. */
  readonly digest: string
  readonly snapshot: string
  readonly images: readonly LearntImage[]
  readonly pairs: number
  readonly backbone: Backbone
  readonly sentences: SentenceEncoder | null
  readonly clip: Pick<Clip, 'id' | 'width'> | null
  readonly folds: number
  readonly seed: number
  /** Of every training: that of later trainings, too. */
  readonly trainingSeed: number
  readonly space: SearchSpace
  /** What trains without a search. */
  readonly base: Hyperparameters
  readonly trials: readonly Trial[]
  readonly rungs: readonly Rung[]
  /** What the values of `base` were adopted by, or what this search was adopted as; null where they are built in. */
  readonly inForce: Adopted | null
}

type Dependencies = FixedValues & {
  readonly catalogue: Catalogue
  readonly blobs: BlobStore
  readonly logger: Pick<Logger, 'warn'>
  readonly backbone: () => Promise<Backbone>
  readonly sentenceEncoder: () => Promise<SentenceEncoder | null>
  readonly clip: () => Promise<Pick<Clip, 'id' | 'width'> | null>
  readonly trainingSeed: number
  readonly clock: () => number
}

async function chooseSnapshot({ catalogue, blobs }: Pick<Dependencies, 'catalogue' | 'blobs'>): Promise<string> {
  const requested = catalogue.requests().at(-1)?.snapshot
  if (requested !== undefined) return requested
  const { key, bytes } = writeSnapshot(catalogue.livePairs())
  await blobs.put(key, bytes)
  return key
}

function requireFullFolds(images: readonly LearntImage[], folds: number): void {
  const filled = new Set(images.map(({ splitKey }) => foldOf(splitKey, folds)))
  if (filled.size === folds) return
  const detail = `${images.length} pictures to learn from are too few for ${folds} folds; publish more, or take fewer folds.`
  throw new AppError('invalid-request', detail)
}

/** Features are written once for all trials, and those that are attended to have regions. */
function requireUsableHeads({ imageHead }: SearchSpace, given: string | undefined, base: Hyperparameters): void {
  if (imageHead === undefined || !('choices' in imageHead)) return
  if (given !== undefined) {
    throw new AppError('invalid-request', 'The search space: imageHead is set by IMAGE_HEAD; leave one of them out.')
  }
  if (!imageHead.choices.includes('attention') && base.imageHead !== 'attention') return
  const detail =
    'The search space: imageHead is linear or mlp; for attention set IMAGE_HEAD, and search the rest with it.'
  throw new AppError('invalid-request', detail)
}

/** A search must not find what trainings then could not use. */
function requireUsableTowers({ wordTower }: SearchSpace, textTower: string | undefined, hasSentences: boolean): void {
  if (wordTower === undefined || !('choices' in wordTower)) return
  if (textTower !== undefined) {
    throw new AppError('invalid-request', 'The search space: wordTower is set by TEXT_TOWER; leave one of them out.')
  }
  if (wordTower.choices.includes('none') && !hasSentences) {
    const detail = 'The search space: wordTower can be none only where SENTENCE_ENCODER_DIR names a sentence encoder.'
    throw new AppError('invalid-request', detail)
  }
}

/** Over a CLIP adapters are all there is to search. */
function requireAdapters(space: SearchSpace | null, adapterWidth: number | undefined): void {
  if (adapterWidth === 0) {
    const detail = 'CLIP_ADAPTER_WIDTH=0 trains nothing, so there is nothing to search; leave it out.'
    throw new AppError('invalid-request', detail)
  }
  const idle = searchable.find((name) => space?.[name] !== undefined && !searchableOnClip.includes(name))
  if (idle !== undefined) {
    const detail = `The search space: ${idle} changes nothing on a CLIP; ${searchableOnClip.join(', ')} do.`
    throw new AppError('invalid-request', detail)
  }
  if (adapterWidth === undefined || space?.adapterWidth === undefined) return
  throw new AppError('invalid-request', 'The search space: adapterWidth is set by CLIP_ADAPTER_WIDTH; leave one of them out.') // prettier-ignore
}

/** Works out what a search is made of. Throws `snapshot-incomplete`, and `invalid-request` where there are too few pictures for the folds, or the space has what trainings here cannot use. */
export async function planTuning(options: TuningOptions, deps: Dependencies): Promise<Tuning> {
  const snapshot = options.snapshot ?? (await chooseSnapshot(deps))
  const { folds, seed } = options
  const backbone = await deps.backbone()
  const sentences = await deps.sentenceEncoder()
  const clip = await deps.clip()
  const hasSentences = sentences !== null
  if (clip !== null) requireAdapters(options.space, deps.adapterWidth)
  if (options.space !== null) requireUsableTowers(options.space, deps.textTower, hasSentences)
  const images = await learntImages(snapshot, deps)
  requireFullFolds(images, folds)
  const pairs = countExamples(images)
  const networks = { backbone: backbone.id, sentenceEncoder: sentences?.id ?? null }
  const inForce = await adoptedFor({ ...networks, pairs, at: deps.clock() }, deps)

  const spaceFor = (base: Hyperparameters): SearchSpace => {
    const { adapterWidth, ...space } = defaultSearchSpace(base, { hasSentences, isOnClip: clip !== null })
    return adapterWidth === undefined || deps.adapterWidth !== undefined ? space : { ...space, adapterWidth }
  }

  const planFrom = (values: SearchedValues | null): Tuning => {
    const { trainingSeed } = deps
    const base = withValues(pairs, values, { ...deps, clipWidth: clip?.width })
    const space = options.space ?? spaceFor(base)
    requireUsableHeads(space, deps.imageHead, base)
    const identity = [LAYOUT, snapshot, networks, folds, seed, trainingSeed, space, base]
    const digest = sha256Hex(JSON.stringify(identity)).slice(0, DIGEST_DIGITS)
    const trials = sampleTrials(space, base, options.trials, seed)
    const rungs = planRungs({ trials: trials.length, folds, epochs: base.maximumEpochs })
    const data = { snapshot, images, pairs, backbone, sentences, clip, folds }
    return { digest, ...data, seed, trainingSeed, space, base, trials, rungs, inForce }
  }

  // The search that was adopted last began with what was there before; asked for again, it is that search and no new one.
  const again = inForce?.tuning == null ? null : planFrom(inForce.before)
  return again !== null && again.digest === inForce?.tuning ? again : planFrom(inForce?.values ?? null)
}

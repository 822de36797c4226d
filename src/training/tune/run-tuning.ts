import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, toAppError } from '../../core/errors.ts'
import { unlessStopped } from '../../core/stop.ts'
import type { Tracking } from '../../ports/tracking.ts'
import { lockFolder, type FolderLock } from '../../sqlite/folder-lock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { FeatureCache } from '../../models/feature-cache.ts'
import { withFeatures, type FeatureDependencies } from '../learnt-images.ts'
import { withSentences } from '../learnt-sentences.ts'
import { backboneFor } from '../backbone-for.ts'
import { viewsOf } from '../views.ts'
import { toStorageFull } from '../storage-full.ts'
import { writeDurably } from '../weights-file.ts'
import { createFoldData } from './fold-data.ts'
import { epochsLeft, searchWith, type Rung, type RungStandings, type Search, type TrialTraining } from './halving.ts'
import type { Tuning } from './plan-tuning.ts'
import { trackTrials } from './tracked-trials.ts'
import { trainTrial } from './train-trial.ts'
import { openTrainingRecords } from './training-records.ts'

/** How far a search is. Epochs are those that were left when this process began; what stops early or fails counts as done. */
export type TuningMoment = {
  readonly training: TrialTraining
  readonly rung: Rung
  readonly epochsDone: number
  readonly epochsInAll: number
}

export type TuningEvents = {
  readonly onFeatures?: (done: number, total: number) => void
  /** Captions that the sentence encoder has read. */
  readonly onCaptions?: (done: number, total: number) => void
  readonly onProgress?: (moment: TuningMoment) => void
  readonly onRung?: (standings: RungStandings) => void
}

type RunDependencies = FeatureDependencies & {
  readonly features: FeatureCache
  readonly tracking: Tracking
  readonly logger: Pick<Logger, 'warn'>
  readonly clock: () => number
  readonly threads: number
  /** Holds a folder a search, and the lock of the one that runs. */
  readonly tuningFolder: string
  /** Where trainings keep their data, and whoever takes out what is erased looks for it. */
  readonly trainingFolder: string
  readonly events: TuningEvents
}

const DATA_PREFIX = 'tune-'
/** How often data that another process has taken away are written again for one training. */
const ATTEMPTS = 3

/** Data of searches that were given up: one search is at work in a folder at a time, and finds its own again. */
async function removeOthers(trainingFolder: string, own: string): Promise<void> {
  await mkdir(trainingFolder, { recursive: true })
  for (const name of await readdir(trainingFolder)) {
    if (name.startsWith(DATA_PREFIX) && name !== own)
      await rm(join(trainingFolder, name), { recursive: true, force: true })
  }
}

function lockSearches(folder: string): FolderLock {
  try {
    return lockFolder(join(folder, 'lock.db'))
  } catch (cause) {
    if (toAppError(cause).code !== 'data-folder-locked') throw cause
    const detail = 'Another search for hyperparameters runs in this data folder; let it end, or stop it.'
    throw new AppError('data-folder-locked', detail, { cause })
  }
}

/** What a search is, for people who find its folder. */
async function describe(folder: string, tuning: Tuning): Promise<void> {
  const { digest, snapshot, pairs, folds, seed, trainingSeed, space, base, rungs, backbone, sentences } = tuning
  const networks = { backbone: backbone.id, sentenceEncoder: sentences?.id ?? null }
  const about = { digest, snapshot, pairs, ...networks, folds, seed, trainingSeed, space, base, rungs }
  await writeDurably(join(folder, 'tuning.json'), [Buffer.from(`${JSON.stringify(about, null, 2)}\n`)])
}

/**
 * Runs a search to its end, from where it stands: what was trained before is taken from the folder of the search. One training at a time,
 * each in a process of its own. Throws `storage-full`, `data-folder-locked` while another search runs here, `training-failed` where the first trial
 * cannot be trained, `tracking-unavailable` where the trials could not be shown by the end, and once the signal is raised; another run goes on then.
 */
export async function runTuning(tuning: Tuning, deps: RunDependencies, signal: AbortSignal): Promise<Search> {
  const folder = join(deps.tuningFolder, tuning.digest)
  await mkdir(folder, { recursive: true })
  const lock = lockSearches(deps.tuningFolder)
  try {
    return await search(tuning, folder, deps, signal).catch(toStorageFull)
  } finally {
    lock.release()
  }
}

async function search(tuning: Tuning, folder: string, deps: RunDependencies, signal: AbortSignal): Promise<Search> {
  const { rungs } = tuning
  await describe(folder, tuning)
  const records = await openTrainingRecords(folder)
  const scoreOf = (training: TrialTraining) => records.find(training)?.score
  const tracked = trackTrials(deps, tuning, records)
  const trainings = createTrainings(tuning, deps, signal)
  const epochsInAll = epochsLeft(rungs, scoreOf)
  let told = 0
  let isTrackingAway = false

  /** Trials are shown beside the search, which waits for whoever shows them only at its end. */
  const followInPassing = async (standing: Search): Promise<void> => {
    try {
      await unlessStopped(tracked.follow(standing), signal)
      isTrackingAway = false
    } catch (error) {
      if (signal.aborted) throw error
      if (!isTrackingAway) deps.logger.warn({ err: error }, 'trials are not tracked for now')
      isTrackingAway = true
    }
  }

  for (;;) {
    const standing = searchWith(rungs, scoreOf)
    const { next } = standing
    for (const ended of standing.rungs.slice(told).filter(({ isComplete }) => isComplete)) {
      deps.events.onRung?.(ended)
      told++
    }
    const rung = standing.rungs.at(-1)?.rung
    if (next === null || rung === undefined) {
      await trainings.remove()
      await unlessStopped(tracked.follow(standing), signal)
      return standing
    }
    await followInPassing(standing)
    const before = epochsInAll - epochsLeft(rungs, scoreOf)
    const ended = await trainings.train(next, (share) => {
      deps.events.onProgress?.({ training: next, rung, epochsInAll, epochsDone: before + share * next.epochs })
    })
    await records.add(ended)
  }
}

/** The trainings of a search, on its data, which are written when the first is due. */
function createTrainings(tuning: Tuning, deps: RunDependencies, signal: AbortSignal) {
  const { sentences, folds, digest, images, pairs } = tuning
  const backbone = backboneFor(tuning.backbone, tuning.base)
  const views = viewsOf(tuning.base)
  const name = DATA_PREFIX + digest
  const jobFolder = join(deps.trainingFolder, name)
  const data = createFoldData({
    folder: jobFolder,
    folds,
    hasSentences: sentences !== null,
    images(stop) {
      const { onFeatures, onCaptions } = deps.events
      const featured = withFeatures(images, { backbone, views, foldOf: () => 'train', onFeatures, signal: stop }, deps)
      return withSentences(featured, { encoder: sentences, total: pairs, onCaptions, signal: stop }, deps)
    },
    isGone: (pairId) => !deps.catalogue.isLivePair(pairId),
  })
  let cleared = false

  return {
    async train(training: TrialTraining, onProgress: (share: number) => void) {
      if (!cleared) await removeOthers(deps.trainingFolder, name)
      cleared = true
      for (let attempt = 1; ; attempt++) {
        const isReady = await data.ready(training.fold, signal)
        try {
          if (!isReady) throw new AppError('training-failed', 'Its data were taken away.')
          const record = await trainTrial(
            training,
            { ...tuning, backbone },
            { ...deps, jobFolder },
            ({ step, steps }) => onProgress(step / steps),
            signal,
          )
          if (record.failure === null || data.isThere() || attempt === ATTEMPTS) return record
        } catch (error) {
          if (data.isThere() || attempt === ATTEMPTS) throw error
        }
      }
    },
    remove: data.remove,
  }
}

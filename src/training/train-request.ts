import { join } from 'node:path'
import type { Catalogue, LivePair } from '../catalogue/catalogue.ts'
import { AppError, toAppError } from '../core/errors.ts'
import type { RetrainingRequested } from '../core/events.ts'
import { readSnapshot } from '../core/snapshot.ts'
import { inDevelopmentFold, isCounted } from '../core/split.ts'
import { requireGoing, unlessStopped } from '../core/stop.ts'
import type { Backbone } from '../models/backbone.ts'
import type { FeatureCache } from '../models/feature-cache.ts'
import { assembleModelFolder } from '../models/model-folder.ts'
import type { ModelStore } from '../models/model-store.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { Tracking } from '../ports/tracking.ts'
import type { Logger } from '../telemetry/logger.ts'
import { defaultHyperparameters } from './hyperparameters.ts'
import type { JobFolder, JobFolders } from './job-folders.ts'
import { readOutcome, writeOutcome, type JobOutcome } from './job-outcome.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import { trainInProcess } from './run-in-process.ts'
import { championOf, type StartingPoint, type TrainingRecord, type TrainingStart } from './starting-point.ts'
import { trackTraining } from './tracked-training.ts'
import { writeTrainingData, type TrainingImage } from './training-data.ts'

export type TrainingEvents = {
  readonly onFeatures?: (done: number, total: number) => void
  readonly onProgress?: (modelVersion: string, progress: TrainingProgress) => void
  readonly onTrained?: (modelVersion: string, result: TrainingResult, pairs: number) => void
}

type TrainRequestDependencies = {
  readonly catalogue: Catalogue
  readonly log: Pick<EventLog, 'identity'>
  readonly blobs: BlobStore
  readonly features: FeatureCache
  readonly backbone: () => Promise<Backbone>
  readonly backboneFolder: string
  readonly models: ModelStore
  readonly tracking: Tracking
  readonly logger: Pick<Logger, 'warn'>
  readonly bytesOf: (imageId: string) => Promise<Uint8Array>
  /** Data and checkpoints are kept here until their requests are answered. */
  readonly jobFolders: JobFolders
  readonly start: TrainingStart
  readonly seed: number
  readonly threads: number
  readonly maximumEpochs: number | undefined
  readonly clock: () => number
  readonly events: TrainingEvents
}

const VIEWS = ['plain', 'flipped'] as const
const IMAGES_AT_ONCE = 64

type Plan = {
  readonly images: readonly LearntImage[]
  readonly backbone: Backbone
  readonly training: TrainingRecord
  readonly start: StartingPoint | null
}

type LearntPair = Pick<LivePair, 'pairId' | 'caption'>
type LearntImage = { readonly imageId: string; readonly splitKey: string; readonly pairs: LearntPair[] }

/** Trains the model that a request asks for: snapshot, features, weights, registered version. Repeating it ends in the same model. */
export function createRequestTrainer(deps: TrainRequestDependencies) {
  const { catalogue } = deps

  /** The images of the snapshot's counted pairs, in the order of their ids, which is part of the training's outcome. */
  const learntImages = async (request: RetrainingRequested): Promise<LearntImage[]> => {
    const bytes = await deps.blobs.get(request.snapshot)
    if (bytes === null) throw new AppError('snapshot-incomplete', `The snapshot ${request.snapshot} is gone.`)
    const inSnapshot = new Set(readSnapshot(bytes).flatMap(({ pairId, split }) => (isCounted(split) ? [pairId] : [])))
    const images = new Map<string, LearntImage>()
    for (const pair of catalogue.livePairs()) {
      if (inSnapshot.has(pair.pairId) && isCounted(pair.split)) addPair(images, pair)
    }
    return [...images.values()].sort((a, b) => (a.imageId < b.imageId ? -1 : 1))
  }

  const isLive = ({ imageId }: LearntImage): boolean => catalogue.isLiveImage(imageId)

  /** What is erased while a training is prepared is left out of it, captions and pictures; nothing else is. */
  const learntFrom = async (
    images: readonly LearntImage[],
    backbone: Backbone,
    signal: AbortSignal,
  ): Promise<TrainingImage[]> => {
    const live = images.filter(isLive)
    const inputs = live.map(({ imageId }) => ({ imageId, bytes: () => deps.bytesOf(imageId) }))
    try {
      const features = await deps.features.features(inputs, backbone, VIEWS, signal)
      return live.flatMap((image, i): TrainingImage[] => {
        const pairs = image.pairs.filter(({ pairId }) => catalogue.isLivePair(pairId))
        const captions = pairs.map(({ caption }) => caption)
        const pairIds = pairs.map(({ pairId }) => pairId)
        const fold = inDevelopmentFold(image.splitKey) ? 'development' : 'train'
        return pairs.length === 0 ? [] : [{ views: features[i] ?? [], captions, pairIds, fold }]
      })
    } catch (error) {
      if (toAppError(error).code !== 'blob-missing') throw error
      if (images.length === 1) return []
      const found: TrainingImage[] = []
      for (const image of images) found.push(...(await learntFrom([image], backbone, signal)))
      return found
    }
  }

  async function* withFeatures(
    images: readonly LearntImage[],
    backbone: Backbone,
    signal: AbortSignal,
  ): AsyncIterable<TrainingImage> {
    await unlessStopped(deps.features.refresh(), signal)
    for (let at = 0; at < images.length; at += IMAGES_AT_ONCE) {
      requireGoing(signal)
      const slice = images.slice(at, at + IMAGES_AT_ONCE)
      yield* await learntFrom(slice, backbone, signal)
      deps.events.onFeatures?.(at + slice.length, images.length)
    }
    await unlessStopped(deps.features.flush(), signal)
  }

  /** What does not need a picture: it is asked for again at each attempt. */
  const plan = async (request: RetrainingRequested): Promise<Plan> => {
    const backbone = await deps.backbone()
    const images = await learntImages(request)
    const examples = images.reduce((sum, { pairs }) => sum + pairs.length, 0)
    const training: TrainingRecord = {
      seed: deps.seed,
      backbone: backbone.id,
      hyperparameters: {
        ...defaultHyperparameters(examples),
        ...(deps.maximumEpochs === undefined ? {} : { maximumEpochs: deps.maximumEpochs }),
      },
    }
    const start = deps.start === 'champion' ? await championOf(request, training, deps) : null
    return { images, backbone, training, start }
  }

  /** Writes the data of the training into its folder. */
  const prepare = async (
    { images, backbone, training, start }: Plan,
    modelVersion: string,
    folder: JobFolder,
    signal: AbortSignal,
  ): Promise<TrainingJob> => {
    const jobFolder = folder.path
    await writeTrainingData(jobFolder, withFeatures(images, backbone, signal))
    const bytes = Float32Array.BYTES_PER_ELEMENT
    folder.written({ features: VIEWS.length * backbone.featureWidth * bytes, sentences: 0 })
    const { seed, hyperparameters } = training
    return {
      jobFolder,
      outputFolder: join(jobFolder, 'model'),
      modelVersion,
      seed,
      threads: deps.threads,
      featureWidth: backbone.featureWidth,
      sentenceWidth: null,
      initialFolder: start?.folder ?? null,
      hyperparameters,
    }
  }

  type Run = ReturnType<typeof trackTraining>

  /** Trains, and saves the model; what it came to is noted in the folder by then. */
  const train = async (
    request: RetrainingRequested,
    modelVersion: string,
    folder: JobFolder,
    run: Run,
    signal: AbortSignal,
  ): Promise<JobOutcome> => {
    const { checkpoint } = folder
    const log = await unlessStopped(deps.log.identity(), signal)
    const planned = await plan(request)
    const { training } = planned
    const parent = planned.start?.parent ?? null
    const parameters = {
      ...training.hyperparameters,
      seed: training.seed,
      start: parent ?? 'scratch',
      reason: request.reason,
      pairs: request.dataSetSize,
      snapshot: request.snapshot,
    }
    // Before the data are written, which takes long: where the run cannot be shown yet, all of this is tried again.
    await run.started(Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)])))
    const job = await prepare(planned, modelVersion, folder, signal)
    await checkpoint.fetch()
    const onProgress = (progress: TrainingProgress): void => {
      run.progress(progress)
      checkpoint.keep()
      deps.events.onProgress?.(modelVersion, progress)
    }
    // Nothing may be stored any more once the training is answered.
    const result = await trainInProcess(job, onProgress, signal).finally(() => checkpoint.settled(signal))
    await assembleModelFolder(job.outputFolder, deps.backboneFolder)
    const manifest = await deps.models.save(job.outputFolder, {
      modelVersion,
      requestId: request.requestId,
      snapshot: request.snapshot,
      parent,
      training,
    })
    deps.events.onTrained?.(modelVersion, result, request.dataSetSize)
    const outcome = { log, manifest, parent, history: [...result.history], metrics: { ...result.metrics } }
    await writeOutcome(folder.path, outcome)
    return outcome
  }

  const answer = async (
    request: RetrainingRequested,
    modelVersion: string,
    folder: JobFolder,
    signal: AbortSignal,
  ): Promise<Pick<JobOutcome, 'manifest' | 'parent' | 'metrics'>> => {
    const run = trackTraining(deps, modelVersion)
    try {
      const outcome =
        (await unlessStopped(readOutcome(folder.path, deps), signal)) ??
        (await train(request, modelVersion, folder, run, signal).catch(toStorageFull))
      const { manifest, parent, history, metrics } = outcome
      const bytes = await deps.blobs.get(manifest)
      await run.finished({
        history,
        version: { manifest, tags: { reason: request.reason } },
        artefacts: bytes === null ? {} : { 'manifest.json': bytes },
      })
      return { manifest, parent, metrics }
    } catch (thrown) {
      const error = toAppError(thrown)
      // What is away comes back, and then the run goes on.
      if (signal.aborted || error.kind === 'unavailable') run.interrupted()
      else await run.failed(error)
      throw thrown
    }
  }

  return (request: RetrainingRequested, modelVersion: string, signal: AbortSignal) =>
    deps.jobFolders.hold(modelVersion, (folder) => answer(request, modelVersion, folder, signal))
}

function addPair(images: Map<string, LearntImage>, { imageId, splitKey, pairId, caption }: LivePair): void {
  const known = images.get(imageId)
  if (known === undefined) images.set(imageId, { imageId, splitKey, pairs: [{ pairId, caption }] })
  else known.pairs.push({ pairId, caption })
}

function toStorageFull(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  throw new AppError('storage-full', 'The disk for trainings is full; free some space and go on.', { cause: error })
}

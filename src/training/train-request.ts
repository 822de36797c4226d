import { join } from 'node:path'
import type { Catalogue, LivePair } from '../catalogue/catalogue.ts'
import { AppError, toAppError } from '../core/errors.ts'
import type { RetrainingRequested } from '../core/events.ts'
import { readSnapshot } from '../core/snapshot.ts'
import { inDevelopmentFold, isCounted } from '../core/split.ts'
import type { Backbone } from '../models/backbone.ts'
import type { FeatureCache } from '../models/feature-cache.ts'
import { assembleModelFolder } from '../models/model-folder.ts'
import type { ModelStore } from '../models/model-store.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { Tracking } from '../ports/tracking.ts'
import type { Logger } from '../telemetry/logger.ts'
import { defaultHyperparameters } from './hyperparameters.ts'
import type { JobFolder, JobFolders } from './job-folders.ts'
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

type Prepared = {
  readonly job: TrainingJob
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
  const learntFrom = async (images: readonly LearntImage[], backbone: Backbone): Promise<TrainingImage[]> => {
    const live = images.filter(isLive)
    const inputs = live.map(({ imageId }) => ({ imageId, bytes: () => deps.bytesOf(imageId) }))
    try {
      const features = await deps.features.features(inputs, backbone, VIEWS)
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
      for (const image of images) found.push(...(await learntFrom([image], backbone)))
      return found
    }
  }

  async function* withFeatures(
    images: readonly LearntImage[],
    backbone: Backbone,
    signal: AbortSignal,
  ): AsyncIterable<TrainingImage> {
    await deps.features.refresh()
    for (let at = 0; at < images.length; at += IMAGES_AT_ONCE) {
      if (signal.aborted) throw new AppError('not-ready', 'Stopped while the features were computed.')
      const slice = images.slice(at, at + IMAGES_AT_ONCE)
      yield* await learntFrom(slice, backbone)
      deps.events.onFeatures?.(at + slice.length, images.length)
    }
    await deps.features.flush()
  }

  const prepare = async (
    request: RetrainingRequested,
    modelVersion: string,
    folder: JobFolder,
    signal: AbortSignal,
  ): Promise<Prepared> => {
    const jobFolder = folder.path
    const backbone = await deps.backbone()
    const images = await learntImages(request)
    const written = await writeTrainingData(jobFolder, withFeatures(images, backbone, signal))
    folder.written(VIEWS.length * backbone.featureWidth * Float32Array.BYTES_PER_ELEMENT)
    const training: TrainingRecord = {
      seed: deps.seed,
      backbone: backbone.id,
      hyperparameters: {
        ...defaultHyperparameters(written.examples),
        ...(deps.maximumEpochs === undefined ? {} : { maximumEpochs: deps.maximumEpochs }),
      },
    }
    const start = deps.start === 'champion' ? await championOf(request, training, deps) : null
    const { seed, hyperparameters } = training
    const job: TrainingJob = {
      jobFolder,
      outputFolder: join(jobFolder, 'model'),
      modelVersion,
      seed,
      threads: deps.threads,
      featureWidth: backbone.featureWidth,
      initialFolder: start?.folder ?? null,
      hyperparameters,
    }
    return { job, training, start }
  }

  const train = async (
    request: RetrainingRequested,
    modelVersion: string,
    folder: JobFolder,
    signal: AbortSignal,
  ): Promise<{ manifest: string; parent: string | null; metrics: Readonly<Record<string, number>> }> => {
    const { job, training, start } = await prepare(request, modelVersion, folder, signal).catch(toStorageFull)
    const parent = start?.parent ?? null
    const parameters = {
      ...training.hyperparameters,
      seed: training.seed,
      start: parent ?? 'scratch',
      reason: request.reason,
      pairs: request.dataSetSize,
      snapshot: request.snapshot,
    }
    const run = trackTraining(deps, modelVersion)
    await run.started(Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)])))
    const onProgress = (progress: TrainingProgress): void => {
      run.progress(progress)
      deps.events.onProgress?.(modelVersion, progress)
    }
    try {
      const result = await trainInProcess(job, onProgress, signal)
      await assembleModelFolder(job.outputFolder, deps.backboneFolder)
      const manifest = await deps.models.save(job.outputFolder, {
        modelVersion,
        requestId: request.requestId,
        snapshot: request.snapshot,
        parent,
        training,
      })
      const bytes = await deps.blobs.get(manifest)
      await run.finished({
        history: result.history,
        version: { manifest, tags: { reason: request.reason } },
        artefacts: bytes === null ? {} : { 'manifest.json': bytes },
      })
      deps.events.onTrained?.(modelVersion, result, request.dataSetSize)
      return { manifest, parent, metrics: result.metrics }
    } catch (thrown) {
      const error = toAppError(thrown)
      // What is away comes back, and then the run goes on.
      if (signal.aborted || error.kind === 'unavailable') run.interrupted()
      else await run.failed(error)
      throw thrown
    }
  }

  return (request: RetrainingRequested, modelVersion: string, signal: AbortSignal) =>
    deps.jobFolders.hold(modelVersion, (folder) => train(request, modelVersion, folder, signal))
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

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
import { removeAnsweredJobs } from './answered-jobs.ts'
import { defaultHyperparameters } from './hyperparameters.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import { trainInProcess } from './run-in-process.ts'
import { writeTrainingData, type TrainingImage } from './training-data.ts'

export type TrainingEvents = {
  readonly onFeatures?: (done: number, total: number) => void
  readonly onProgress?: (modelVersion: string, progress: TrainingProgress) => void
  readonly onTrained?: (modelVersion: string, result: TrainingResult, pairs: number) => void
}

export type TrainRequestDependencies = {
  readonly catalogue: Catalogue
  readonly blobs: BlobStore
  readonly features: FeatureCache
  readonly backbone: () => Promise<Backbone>
  readonly backboneFolder: string
  readonly models: ModelStore
  readonly tracking: Tracking
  readonly bytesOf: (imageId: string) => Promise<Uint8Array>
  /** Jobs and their checkpoints are kept here until their requests are answered. */
  readonly workFolder: string
  readonly seed: number
  readonly threads: number
  readonly maximumEpochs: number | undefined
  readonly clock: () => number
  readonly events: TrainingEvents
}

const VIEWS = ['plain', 'flipped'] as const
const IMAGES_AT_ONCE = 64

type LearntPair = Pick<LivePair, 'pairId' | 'caption'>
type LearntImage = { readonly imageId: string; readonly splitKey: string; readonly pairs: LearntPair[] }

/** Trains the model that a request asks for: snapshot, features, weights, registered version. Repeating it ends in the same model. */
export function createRequestTrainer(deps: TrainRequestDependencies) {
  const { catalogue, tracking } = deps

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
        const captions = image.pairs.flatMap(({ pairId, caption }) => (catalogue.isLivePair(pairId) ? [caption] : []))
        const fold = inDevelopmentFold(image.splitKey) ? 'development' : 'train'
        return captions.length === 0 ? [] : [{ views: features[i] ?? [], captions, fold }]
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
    signal: AbortSignal,
  ): Promise<TrainingJob> => {
    const jobFolder = join(deps.workFolder, modelVersion)
    const backbone = await deps.backbone()
    const images = await learntImages(request)
    const written = await writeTrainingData(jobFolder, withFeatures(images, backbone, signal))
    const hyperparameters = defaultHyperparameters(written.examples)
    return {
      jobFolder,
      outputFolder: join(jobFolder, 'model'),
      modelVersion,
      seed: deps.seed,
      threads: deps.threads,
      featureWidth: backbone.featureWidth,
      initialFolder: null,
      hyperparameters: {
        ...hyperparameters,
        ...(deps.maximumEpochs === undefined ? {} : { maximumEpochs: deps.maximumEpochs }),
      },
    }
  }

  return async (
    request: RetrainingRequested,
    modelVersion: string,
    signal: AbortSignal,
  ): Promise<{ manifest: string; metrics: Readonly<Record<string, number>> }> => {
    await removeAnsweredJobs(deps.workFolder, catalogue)
    const job = await prepare(request, modelVersion, signal).catch(toStorageFull)
    const parameters = {
      ...job.hyperparameters,
      seed: job.seed,
      reason: request.reason,
      pairs: request.dataSetSize,
      snapshot: request.snapshot,
    }
    await tracking.startRun({
      runId: modelVersion,
      experiment: 'pairstream',
      name: modelVersion,
      parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)])),
      startedAt: deps.clock(),
    })
    try {
      const result = await trainInProcess(job, (progress) => deps.events.onProgress?.(modelVersion, progress), signal)
      for (const { epoch, loss, developmentRecall } of result.history) {
        await tracking.logMetrics(modelVersion, epoch, { loss, development_recall_10: developmentRecall }, deps.clock())
      }
      await assembleModelFolder(job.outputFolder, deps.backboneFolder)
      const manifest = await deps.models.save(job.outputFolder, {
        modelVersion,
        requestId: request.requestId,
        snapshot: request.snapshot,
      })
      await tracking.register({
        modelVersion,
        runId: modelVersion,
        manifest,
        tags: { reason: request.reason },
        registeredAt: deps.clock(),
      })
      await tracking.endRun(modelVersion, 'finished', deps.clock())
      deps.events.onTrained?.(modelVersion, result, request.dataSetSize)
      return { manifest, metrics: result.metrics }
    } catch (error) {
      const { kind } = toAppError(error)
      // What is away comes back, and then the run goes on.
      if (!signal.aborted && kind !== 'unavailable') await tracking.endRun(modelVersion, 'failed', deps.clock())
      throw error
    }
  }
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

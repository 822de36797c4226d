import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { toAppError } from '../core/errors.ts'
import type { RetrainingRequested } from '../core/events.ts'
import { inDevelopmentFold } from '../core/split.ts'
import { unlessStopped } from '../core/stop.ts'
import type { Backbone } from '../models/backbone.ts'
import type { ClipSource } from '../models/pretrained/clip-files.ts'
import type { Clip } from '../models/pretrained/clip.ts'
import type { SentenceEncoder } from '../models/pretrained/sentence-encoder.ts'
import type { FeatureCache } from '../models/feature-cache.ts'
import { assembleClipModel, assembleModelFolder } from '../models/model-folder.ts'
import type { ModelStore } from '../models/model-store.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { Tracking } from '../ports/tracking.ts'
import type { Logger } from '../telemetry/logger.ts'
import { backboneFor } from './backbone-for.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import type { JobFolder, JobFolders } from './job-folders.ts'
import { readOutcome, writeOutcome, type JobOutcome } from './job-outcome.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import { countExamples, learntImages, withFeatures, type LearntImage } from './learnt-images.ts'
import { writeModelCard } from './model-card/write-model-card.ts'
import { withSentences } from './learnt-sentences.ts'
import { trainInProcess } from './run-in-process.ts'
import { championOf, type StartingPoint, type TrainingRecord, type TrainingStart } from './starting-point.ts'
import { toStorageFull } from './storage-full.ts'
import { trackTraining } from './tracked-training.ts'
import { writeTrainingData } from './training-data.ts'
import { hyperparametersFor } from './tune/adopted-hyperparameters.ts'
import { viewsOf } from './views.ts'
import { isZeroShot } from './zero-shot.ts'

export type TrainingEvents = {
  readonly onFeatures?: (done: number, total: number) => void
  /** Captions that the sentence encoder has read. */
  readonly onCaptions?: (done: number, total: number) => void
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
  /** The sentence encoder that models build on; null for none. */
  readonly sentenceEncoder: () => Promise<SentenceEncoder | null>
  readonly sentenceFolder: string | null
  /** The CLIP whose halves the backbone and the sentence encoder are, and where it is; null where these are networks of their own. */
  readonly clip: () => Promise<Pick<Clip, 'id' | 'width'> | null>
  readonly clipSource: ClipSource | null
  /** The hidden units of adapters over it; 0 serves it as it is. */
  readonly adapterWidth?: number | undefined
  /** What reads the words of captions; default: what was found by a search, else a bag of words. */
  readonly textTower?: Hyperparameters['wordTower'] | undefined
  /** What makes an embedding of a picture's features, and of how many regions each way. */
  readonly imageHead?: Hyperparameters['imageHead'] | undefined
  readonly imageRegions?: Hyperparameters['imageRegions'] | undefined
  /** What is seen of pictures. */
  readonly imageViews?: Hyperparameters['imageViews'] | undefined
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
  /** How trained weights are stored, unless that costs too much recall. */
  readonly exportPrecision?: Hyperparameters['exportPrecision']
  readonly clock: () => number
  readonly events: TrainingEvents
}

type Plan = {
  readonly images: readonly LearntImage[]
  /** As pictures are read by it. */
  readonly backbone: Backbone
  readonly sentences: SentenceEncoder | null
  readonly clip: Pick<Clip, 'id'> | null
  readonly training: TrainingRecord
  readonly start: StartingPoint | null
}

/** Trains the model that a request asks for: snapshot, features, weights, registered version. Repeating it ends in the same model. */
export function createRequestTrainer(deps: TrainRequestDependencies) {
  /** What does not need a picture: it is asked for again at each attempt. */
  const plan = async (request: RetrainingRequested): Promise<Plan> => {
    const backbone = await deps.backbone()
    const sentences = await deps.sentenceEncoder()
    const clip = await deps.clip()
    const images = await learntImages(request.snapshot, deps)
    const networks = { backbone: backbone.id, sentenceEncoder: sentences?.id ?? null }
    const occasion = { ...networks, pairs: countExamples(images), at: request.requestedAt }
    const hyperparameters = await hyperparametersFor(occasion, { ...deps, clipWidth: clip?.width }, deps)
    const seen = backboneFor(backbone, hyperparameters)
    const training: TrainingRecord = { seed: deps.seed, ...networks, clip: clip?.id ?? null, hyperparameters }
    const isContinued = deps.start === 'champion' && !isZeroShot({ clip, hyperparameters })
    const start = isContinued ? await championOf(request, training, deps) : null
    return { images, backbone: seen, sentences, clip, training, start }
  }

  const jobOf = (
    { backbone, sentences, clip, training: { seed, hyperparameters }, start }: Plan,
    modelVersion: string,
    jobFolder: string,
  ): TrainingJob => ({
    jobFolder,
    outputFolder: join(jobFolder, 'model'),
    modelVersion,
    seed,
    threads: deps.threads,
    featureWidth: backbone.featureWidth,
    regions: backbone.regions,
    sentenceWidth: sentences?.width ?? null,
    clip: clip === null ? null : { id: clip.id },
    networks: [backbone.id, ...(sentences === null ? [] : [sentences.id])],
    initialFolder: start?.folder ?? null,
    hyperparameters,
  })

  /** Writes the data of the training into its folder. */
  const prepare = async (
    { images, backbone, sentences, training }: Plan,
    folder: JobFolder,
    signal: AbortSignal,
  ): Promise<void> => {
    const foldOf = (splitKey: string) => (inDevelopmentFold(splitKey) ? 'development' : 'train')
    const views = viewsOf(training.hyperparameters)
    const reading = { backbone, views, foldOf, onFeatures: deps.events.onFeatures, signal } as const
    const captions = { encoder: sentences, total: countExamples(images), onCaptions: deps.events.onCaptions, signal }
    await writeTrainingData(folder.path, withSentences(withFeatures(images, reading, deps), captions, deps))
    const bytes = Float32Array.BYTES_PER_ELEMENT
    folder.written({
      features: views.length * backbone.featureWidth * bytes,
      sentences: (sentences?.width ?? 0) * bytes,
    })
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
    const job = jobOf(planned, modelVersion, folder.path)
    if (!isZeroShot(job)) await prepare(planned, folder, signal)
    await checkpoint.fetch()
    const onProgress = (progress: TrainingProgress): void => {
      run.progress(progress)
      checkpoint.keep()
      deps.events.onProgress?.(modelVersion, progress)
    }
    // What another attempt left there, under other settings perhaps, is no part of this model.
    await rm(job.outputFolder, { recursive: true, force: true })
    // Nothing may be stored any more once the training is answered.
    const result = await trainInProcess(job, onProgress, signal).finally(() => checkpoint.settled(signal))
    if (deps.clipSource === null) await assembleModelFolder(job.outputFolder, deps.backboneFolder, deps.sentenceFolder)
    else await assembleClipModel(job.outputFolder, deps.clipSource)
    await writeModelCard(job.outputFolder, { training, parent, snapshot: request.snapshot, result })
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

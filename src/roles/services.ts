import { createAccess, type Access } from '../api/access/access.ts'
import { createKeyStore, type KeyStore } from '../api/access/key-store.ts'
import { createPrincipalNames, type PrincipalNames } from '../api/access/principal-names.ts'
import { createSharedSecret } from '../api/access/shared-secret.ts'
import { cacheKey, createSearchCache } from '../api/search-cache.ts'
import { createSearchService, type SearchService } from '../api/search-service.ts'
import { isUnfilteredVectorSearch, type SearchResult } from '../api/search-types.ts'
import { createServing, type Serving } from '../api/serving.ts'
import type { Platform } from '../bootstrap.ts'
import { AppError } from '../core/errors.ts'
import { imageBlobKey } from '../core/pair-record.ts'
import { inspectImage } from '../models/decode-image.ts'
import { openDualEncoder } from '../models/dual-encoder.ts'
import { createEncoderPool, type EncoderPool } from '../models/encoder-pool.ts'
import { createFeatureCache, type FeatureCache } from '../models/feature-cache.ts'
import { createModelStore, type ModelStore } from '../models/model-store.ts'
import { createPublisher, type Publisher } from '../producers/publisher.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createSearchObserver, type SearchObserver } from '../telemetry/search-observer.ts'
import { createJobFolders, type JobFolders } from '../training/job-folders.ts'
import { createStoredCheckpoints } from '../training/stored-checkpoints.ts'
import { createAuditLog, type AuditLog } from './audit-log.ts'
import { createCalibrationStore, type CalibrationStore } from './calibration-store.ts'
import { createServedCalibration, type ServedCalibration } from './served-calibration.ts'
import { createServedReranker, type ServedReranker } from './served-reranker.ts'
import { createFrozenNetworks, type FrozenNetworks } from './frozen-networks.ts'

/** What the roles of one process share, above the ports. */
export type Services = Platform &
  Omit<FrozenNetworks, 'closeNetworks'> & {
    readonly logger: Logger
    readonly metrics: Metrics
    readonly models: ModelStore
    readonly encoders: EncoderPool
    readonly features: FeatureCache
    readonly jobFolders: JobFolders
    readonly publisher: Publisher
    readonly serving: Serving
    readonly search: SearchService
    readonly observer: SearchObserver
    readonly calibrations: CalibrationStore
    readonly servedCalibration: ServedCalibration
    readonly reranker: Pick<ServedReranker, 'prepare'>
    readonly access: Access
    readonly keys: KeyStore
    readonly names: PrincipalNames
    readonly audit: AuditLog
    /** The stored bytes of a picture; throws `blob-missing`. */
    readonly bytesOf: (imageId: string) => Promise<Uint8Array>
    closeServices(): Promise<void>
  }

/** Builds the services over a platform. */
export async function createServices(platform: Platform, logger: Logger, metrics: Metrics): Promise<Services> {
  const { config, log, blobs, index, catalogue, clock } = platform
  const models = createModelStore({ blobs, folder: config.modelFolder })
  const features = createFeatureCache({
    blobs,
    folder: config.featureFolder,
    isLive: (id) => catalogue.isLiveImage(id) || catalogue.isLivePair(id),
  })
  const networks = await createFrozenNetworks(config)

  const openEncoder = async (modelVersion: string) => {
    const manifest = catalogue.model(modelVersion)?.manifest
    if (manifest == null)
      throw new AppError('model-not-found', `There is no trained model ${modelVersion}; see 'pairstream models list'.`)
    return openDualEncoder(await models.open(manifest), { features, threads: config.THREADS })
  }
  const encoders = createEncoderPool(openEncoder)
  const serving = createServing({
    openEncoder: encoders.open,
    onCloseFailed: (error) => logger.warn({ err: error }, 'an encoder could not be closed'),
  })
  const observer = createSearchObserver()
  const reranker = createServedReranker({
    folder: config.RERANKER_DIR,
    catalogue,
    models,
    threads: config.THREADS,
    onFailed: (error) => logger.warn({ err: error }, 'the reranker failed; hits come in their own order'),
  })
  const calibrations = createCalibrationStore(blobs)
  const servedCalibration = createServedCalibration(calibrations)
  const cache = createSearchCache({
    onChange: catalogue.onChange,
    onLookedUp: (outcome) => metrics.searchCache.inc({ outcome }),
  })
  const search = createSearchService({
    serving,
    index,
    catalogue,
    reranking: reranker,
    calibration: servedCalibration.of,
    around(request, release, run) {
      // Where another process folds the catalogue, this one is not told of what changes.
      const calibratedAt = release === null ? null : (servedCalibration.of(release.generation)?.fittedAt ?? null)
      const key = platform.holdsFolder ? cacheKey(request, release, calibratedAt) : null
      // A reranker is no part of a release, and what it takes or breaks says nothing of one.
      if ((request.rerank ?? 0) > 0) return cache.answer(key, run)
      const scoresIn = ({ hits }: SearchResult) =>
        isUnfilteredVectorSearch(request) ? hits.map(({ score }) => score) : null
      return cache.answer(key, () => observer.observe(run, scoresIn))
    },
    metrics: { searched: ({ input, seconds }) => metrics.searchSeconds.observe({ kind: kindOf(input) }, seconds) },
  })
  const checkpoints = createStoredCheckpoints({
    blobs,
    onFailed: (error) => logger.warn({ err: error }, 'a checkpoint is on this machine only'),
  })
  const publisher = createPublisher({
    log,
    blobs,
    inspect: inspectImage,
    isErased: catalogue.isErased,
    known: (pairId) => catalogue.pair(pairId)?.erased === false,
    clock,
  })

  const secret = createSharedSecret({ blobs, clock })
  const keys = createKeyStore({ blobs, clock })
  const names = createPrincipalNames({ blobs, secret })
  const audit = createAuditLog({
    log,
    names,
    clock,
    onAnchor: (head) => logger.info({ head }, 'the audit log has come so far'),
  })

  return {
    ...platform,
    logger,
    metrics,
    models,
    encoders,
    features,
    jobFolders: createJobFolders(config.trainingFolder, checkpoints, { log, blobs }),
    get backboneFolder() {
      return networks.backboneFolder
    },
    backbone: networks.backbone,
    sentenceFolder: networks.sentenceFolder,
    sentenceEncoder: networks.sentenceEncoder,
    clipSource: networks.clipSource,
    clip: networks.clip,
    publisher,
    serving,
    search,
    observer,
    calibrations,
    servedCalibration,
    reranker,
    access: createAccess({ choice: config.access, keys, names, secret, clock }),
    keys,
    names,
    audit,
    async bytesOf(imageId) {
      const bytes = await blobs.get(imageBlobKey(imageId))
      if (bytes === null)
        throw new AppError('blob-missing', `The picture of image ${imageId} is not in the blob store.`)
      return bytes
    },
    async closeServices() {
      await audit.close()
      cache.close()
      await serving.close()
      await reranker.close()
      await features.close()
      await networks.closeNetworks()
    },
  }
}

const kindOf = (input: string): 'text' | 'image' | 'vector' =>
  input === 'text' ? 'text' : input === 'embedding' ? 'vector' : 'image'

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { nextGeneration } from '../../src/core/release-chain.ts'
import { releaseIdOf } from '../../src/core/ids.ts'
import { createModelStore } from '../../src/models/model-store.ts'
import type { BlobStore } from '../../src/ports/blob-store.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { UNTRAINED } from './untrained-model.ts'

type Place = {
  readonly log: EventLog
  readonly blobs: BlobStore
  /** A complete model folder. */
  readonly model: string
  /** For what the model store keeps. */
  readonly folder: string
}

/** Says in a new log that a model was trained and released, as the roles `train` and `release` would; gives its generation. */
export async function releaseUntrained({ log, blobs, model, folder }: Place): Promise<string> {
  const now = Date.now()
  const modelVersion = UNTRAINED
  const manifest = await createModelStore({ blobs, folder: join(folder, 'models') }).save(model, { modelVersion })
  const generation = nextGeneration([], manifest)
  const trained = {
    modelVersion, parent: null, requestId: randomUUID(), outcome: 'trained', detail: null, manifest, metrics: {},
    startedAt: now, trainedAt: now,
  } // prettier-ignore
  await log.append([{ topic: 'models.trained', key: modelVersion, value: trained }])
  let follows: string | null = null
  for (const state of ['building', 'promoted'] as const) {
    const releaseId = releaseIdOf(follows, state, modelVersion)
    const value = {
      releaseId,
      follows,
      state,
      modelVersion,
      generation,
      reason: 'bench',
      evidence: null,
      decidedAt: now,
    }
    await log.append([{ topic: 'releases', key: releaseId, value }])
    follows = releaseId
  }
  return generation
}

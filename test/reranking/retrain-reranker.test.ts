import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RerankerJudged } from '../../src/core/events.ts'
import { createFileTracking } from '../../src/adapters/tracking/files.ts'
import { judgementIdOf } from '../../src/core/judgement.ts'
import { createModelStore } from '../../src/models/model-store.ts'
import { openSentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import { retrainReranker, type RetrainingDependencies } from '../../src/reranking/retrain-reranker.ts'
import { lockFolder } from '../../src/sqlite/folder-lock.ts'
import { platform } from '../consumers/consumer-harness.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'
import { tinyJudgements, tinyWords } from './tiny-reranker.ts'

/** A log with judgements on so many queries, and what a retraining needs. */
async function judged(queries: number) {
  const { log, catalogue, blobs } = await platform()
  const tracking = createFileTracking({ folder: await temporaryFolder() })
  const judgements = tinyJudgements(queries)
  await log.append(judgements.map((value) => ({ topic: 'judgements', key: judgementIdOf(value.query, value.document), value }))) // prettier-ignore
  const encoderFolder = await writeTinySentenceEncoder(tinyWords)
  const { id, close } = await openSentenceEncoder(encoderFolder)
  await close()
  const deps: RetrainingDependencies = {
    log,
    catalogue,
    tracking,
    models: createModelStore({ blobs, folder: await temporaryFolder() }),
    encoder: { id, folder: encoderFolder },
    folder: await temporaryFolder(),
    seed: 1,
    threads: 1,
    clock: () => 7,
  }
  return { deps, log, catalogue, blobs, tracking }
}

describe('retraining of a reranker', () => {
  it('stores a promoted model before it says so, and the log decides between two', { timeout: 120_000 }, async () => {
    const { deps, log, catalogue } = await judged(400)
    const other: RerankerJudged = { ...topicValues.rerankers, modelVersion: 'r-other', champion: null }
    const late = { topic: 'rerankers', key: other.modelVersion, value: other } as const
    const racing = retrainReranker({
      ...deps,
      folder: await temporaryFolder(),
      onProgress: ({ stage }) => {
        if (stage === 'judging') void log.append([late])
      },
    })
    await expect(racing).rejects.toMatchObject({ code: 'release-refused' })
    expect(catalogue.promotedReranker()?.modelVersion).toBe('r-other')
  })

  it('goes on where it was stopped', { timeout: 120_000 }, async () => {
    const { deps, catalogue, log, tracking } = await judged(400)
    const stop = new AbortController()
    const stopped = retrainReranker(
      {
        ...deps,
        onProgress: (at) => {
          if (at.stage === 'training' && at.epoch === 2) stop.abort()
        },
      },
      stop.signal,
    )
    await expect(stopped).rejects.toMatchObject({ code: 'not-ready' })
    const abandoned = join(deps.folder, 'r-abandoned')
    await mkdir(abandoned)
    const epochs = new Set<number>()
    const { record, isNew } = await retrainReranker({
      ...deps,
      onProgress: (at) => {
        expect(at.stage).not.toBe('reading')
        if (at.stage === 'training') epochs.add(at.epoch)
      },
    })
    expect(isNew).toBe(true)
    expect(existsSync(abandoned)).toBe(false)
    expect(Math.min(...epochs)).toBe(2)
    expect(record).toMatchObject({ champion: null, outcome: 'promoted', judgedAt: 7 })
    await catalogue.caughtUp(log)
    expect(catalogue.promotedReranker()).toEqual(record)
    const run = await tracking.run(record.modelVersion)
    expect(run).toMatchObject({ state: 'finished', parameters: { outcome: 'promoted', champion: 'none' } })
    expect(run?.metrics['ndcg_10']?.at(-1)?.value).toBeGreaterThan(run?.metrics['unranked_ndcg_10']?.at(-1)?.value ?? 1)
    expect(await deps.models.open(record.manifest ?? '')).toContain(record.modelVersion)
  })

  it('says so where there are too few judgements, or another process trains here', async () => {
    const { deps } = await judged(1)
    await expect(retrainReranker(deps)).rejects.toMatchObject({ code: 'training-failed' })
    const { deps: more } = await judged(20)
    const lock = lockFolder(join(more.folder, 'lock.db'))
    await expect(retrainReranker(more)).rejects.toMatchObject({ code: 'data-folder-locked' })
    lock.release()
  })

  it('fails as its process does', async () => {
    const { deps } = await judged(20)
    const broken = { ...deps, encoder: { id: 'x', folder: await temporaryFolder() } }
    await expect(retrainReranker(broken)).rejects.toMatchObject({ code: 'model-invalid' })
  })
})

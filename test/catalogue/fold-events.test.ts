import { describe, expect, it } from 'vitest'
import type { ModelTrained, ReleaseRecord, RerankerJudged, RetrainingRequested } from '../../src/core/events.ts'
import { writeSnapshot } from '../../src/core/snapshot.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { harness, publication, tombstoneOf, type Harness } from './catalogue-harness.ts'

const request = (changes: Partial<RetrainingRequested>) => {
  const value = { ...topicValues['retraining.requested'], ...changes }
  return { topic: 'retraining.requested', key: value.requestId, value } as const
}
const model = (changes: Partial<ModelTrained>) => {
  const value = { ...topicValues['models.trained'], ...changes }
  return { topic: 'models.trained', key: value.modelVersion, value } as const
}
const release = (changes: Partial<ReleaseRecord>) => {
  const value = { ...topicValues.releases, ...changes }
  return { topic: 'releases', key: value.releaseId, value } as const
}

const reranker = (changes: Partial<RerankerJudged>) => {
  const value = { ...topicValues.rerankers, ...changes }
  return { topic: 'rerankers', key: value.modelVersion, value } as const
}

/** A snapshot of pairs that exist, and its key. */
async function snapshotOf({ blobs }: Harness, pairIds: readonly string[]): Promise<string> {
  const { key, bytes } = writeSnapshot(pairIds.map((pairId) => ({ pairId, split: 'train' })))
  await blobs.put(key, bytes)
  return key
}

describe('the fold of decisions', () => {
  it('takes releases that follow the newest, and no others', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    await log.append([
      release({ releaseId: 'x0', follows: 'unknown' }),
      release({ releaseId: 'x1', follows: null, state: 'building', generation: 'g1' }),
      release({ releaseId: 'late', follows: null }),
      release({ releaseId: 'x2', follows: 'x1', state: 'promoted', generation: 'g1' }),
      release({ releaseId: 'x1', follows: 'x2', state: 'retired' }),
      release({ releaseId: 'also late', follows: 'x1' }),
      release({ releaseId: 'x3', follows: 'x2', state: 'an unknown state' }),
    ])
    await catalogue.caughtUp(log)
    expect(catalogue.releases().map(({ releaseId }) => releaseId)).toEqual(['x1', 'x2', 'x3'])
    expect(catalogue.currentRelease()).toMatchObject({ modelVersion: 'm-2', generation: 'g1' })
  })

  it('has no release in force before one is promoted', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    await log.append([release({ releaseId: 'x1', follows: null, state: 'rejected', generation: null })])
    await catalogue.caughtUp(log)
    expect(catalogue.currentRelease()).toBeNull()
  })

  it('takes promoted rerankers that were judged against the one before, and no others', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    expect(catalogue.promotedReranker()).toBeNull()
    await log.append([
      reranker({ modelVersion: 'r-0', champion: 'unknown' }),
      reranker({ modelVersion: 'r-1', champion: null }),
      reranker({ modelVersion: 'r-late', champion: null }),
      reranker({ modelVersion: 'r-2', champion: 'r-1' }),
      reranker({ modelVersion: 'r-3', champion: 'r-1', outcome: 'rejected', manifest: null }),
      reranker({ modelVersion: 'r-1', champion: 'r-2', reason: 'said again' }),
    ])
    await catalogue.caughtUp(log)
    expect(catalogue.rerankers().map(({ modelVersion }) => modelVersion)).toEqual(['r-1', 'r-2', 'r-3'])
    expect(catalogue.promotedReranker()?.modelVersion).toBe('r-2')
  })

  it('takes the first answer to a request', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    await log.append([
      model({ modelVersion: 'm-1', requestId: 'r1', outcome: 'failed' }),
      model({ modelVersion: 'm-1', requestId: 'r1', outcome: 'trained' }),
      model({ modelVersion: 'm-2', requestId: 'r2', outcome: 'trained' }),
    ])
    await catalogue.caughtUp(log)
    expect(catalogue.models().map(({ modelVersion, outcome }) => [modelVersion, outcome])).toEqual([
      ['m-1', 'failed'],
      ['m-2', 'trained'],
    ])
    expect(catalogue.model('m-1')?.outcome).toBe('failed')
    expect(catalogue.model('m-9')).toBeNull()
  })

  it('counts against the snapshot of the newest request, the first record of each', async () => {
    const made = await harness()
    const { catalogue } = await made.follow()
    const events = ['a', 'b', 'c', 'd'].map((caption) => pairEvent('one', caption))
    const [a = '', b = '', c = ''] = events.map(({ pairId }) => pairId)
    await made.log.append(events.map(publication))
    const one = await snapshotOf(made, [a])
    const two = await snapshotOf(made, [a, b, c])
    const four = await snapshotOf(made, [])
    // All in one batch, and the newest id not the last record.
    await made.log.append([
      request({ requestId: 'r1', snapshot: one }),
      request({ requestId: 'r2', snapshot: two }),
      request({ requestId: 'r2', snapshot: four }),
      request({ requestId: 'r1', snapshot: four }),
    ])
    await catalogue.caughtUp(made.log)
    expect(catalogue.counts()).toMatchObject({ counted: 4, base: 3 })
    expect(catalogue.requests().map(({ snapshot }) => snapshot)).toEqual([one, two])
    await made.log.append([tombstoneOf(pairEvent('one', 'a'))])
    await catalogue.caughtUp(made.log)
    expect(catalogue.counts()).toMatchObject({ counted: 3, base: 2 })
    const rebuilt = await made.rebuild()
    expect(rebuilt.catalogue.counts()).toEqual(catalogue.counts())
  })

  it('knows the base also when the answer to the request is read first', async () => {
    const made = await harness()
    const event = pairEvent('one', 'a')
    const snapshot = await snapshotOf(made, [event.pairId])
    await made.log.append([publication(event), model({ requestId: 'r1' }), request({ requestId: 'r1', snapshot })])
    for (let round = 0; round < 5; round++) {
      const { catalogue, close } = await made.rebuild()
      expect(catalogue.counts().base).toBe(1)
      await close()
    }
  })

  it('starts from an empty base where the snapshot is gone or damaged, and goes on', async () => {
    const made = await harness()
    const { catalogue } = await made.follow()
    await made.blobs.put('snapshots/damaged', new TextEncoder().encode('nonsense'))
    await made.log.append([
      publication(pairEvent('one', 'a')),
      request({ requestId: 'r1', snapshot: 'snapshots/gone' }),
      request({ requestId: 'r2', snapshot: 'snapshots/damaged' }),
    ])
    await catalogue.caughtUp(made.log)
    await made.log.append([request({ requestId: 'r3', snapshot: '../../etc/passwd' })])
    await catalogue.caughtUp(made.log)
    expect(catalogue.counts()).toMatchObject({ counted: 1, base: 0 })
    expect(catalogue.requests()).toHaveLength(3)
  })

  it('says what is indexed of live pairs in generations that are not retired', async () => {
    const made = await harness()
    const followed = await made.follow()
    const { catalogue } = followed
    const [live, erased] = [pairEvent('one', 'live'), pairEvent('one', 'erased')]
    const indexed = ({ pairId, imageId, publishedAt }: typeof live, generation: string) => {
      const value = { pairId, imageId, publishedAt, generation, modelVersion: 'm', embeddedAt: 1, indexedAt: 2 }
      return { topic: 'pairs.indexed', key: pairId, value } as const
    }
    await made.log.append([publication(live), publication(erased), tombstoneOf(erased)])
    await made.log.append([indexed(live, 'g1'), indexed(live, 'g2'), indexed(erased, 'g1')])
    await catalogue.caughtUp(made.log)
    await made.settled(followed)
    expect(catalogue.pair(live.pairId)?.indexed.map(({ generation }) => generation)).toEqual(['g1', 'g2'])
    expect(catalogue.pair(erased.pairId)?.indexed).toEqual([])
    await made.log.append([release({ releaseId: 'x1', follows: null, state: 'retired', generation: 'g1' })])
    await catalogue.caughtUp(made.log)
    await made.log.append([indexed(live, 'g1')])
    await made.settled(followed)
    expect(catalogue.pair(live.pairId)?.indexed.map(({ generation }) => generation)).toEqual(['g2'])
  })
})

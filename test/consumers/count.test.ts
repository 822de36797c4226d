import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCountHandler } from '../../src/consumers/count.ts'
import { retrainingRequest } from '../../src/consumers/retraining-request.ts'
import { applyEffects } from '../../src/consumers/effects.ts'
import { AppError } from '../../src/core/errors.ts'
import type { RetrainingRequested } from '../../src/core/events.ts'
import { requestIdOf } from '../../src/core/ids.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { readSnapshot } from '../../src/core/snapshot.ts'
import { publication, tombstoneOf } from '../catalogue/catalogue-harness.ts'
import { numbered, pairEvent } from '../fixtures/pair-events.ts'
import { promise, tailRecords } from '../fixtures/log-consumers.ts'
import { createPlatform, PARTITIONS, platform, type Platform } from './consumer-harness.ts'

const counting = (made: Platform, settings = { threshold: 0.1, firstTrainingPairs: 10 }) =>
  createCountHandler({ ...made, settings, partitions: PARTITIONS })

async function requestsInLog({ log }: Platform): Promise<RetrainingRequested[]> {
  const end = (await log.endOffsets('retraining.requested')).get(0) ?? 0
  const records = await tailRecords(log, ['retraining.requested'], end)
  return records.flatMap(({ value }) => (value === null ? [] : [value]))
}

describe('the counter', () => {
  it('asks first when there are enough pairs, then once for each growth past the threshold', async () => {
    const made = await platform()
    made.start(counting(made))
    const sizes = async (count: number, from: number) => {
      await made.log.append(numbered('one', count, from))
      await made.passed('count')
      return (await requestsInLog(made)).map(({ dataSetSize, newPairs }) => [dataSetSize, newPairs])
    }
    expect(await sizes(9, 0)).toEqual([])
    expect(await sizes(1, 9)).toEqual([[10, 10]])
    expect(await sizes(1, 10)).toHaveLength(1) // 1 / 10 is not more than 0.1
    expect((await sizes(1, 11)).slice(1)).toEqual([[12, 2]])
    expect(await sizes(1, 12)).toHaveLength(2)
    expect((await sizes(30, 13)).slice(2)).toEqual([[43, 31]])
  })

  it('names the snapshot of what is alive, held-out pairs included, and chains its ids', async () => {
    const made = await platform()
    const heldOut = pairEvent('held out', 'a test', { split: 'test' })
    const erased = pairEvent('one', 'erased')
    await made.log.append([publication(heldOut), publication(erased), ...numbered('one', 10), tombstoneOf(erased)])
    await made.catalogue.caughtUp(made.log)
    made.start(counting(made))
    await made.passed('count')
    const [request] = await requestsInLog(made)
    expect(request).toMatchObject({
      reason: 'volume',
      dataSetSize: 10,
      newPairs: 10,
      threshold: 0.1,
      previousRequestId: null,
    })
    expect(request?.requestId).toBe(requestIdOf(null, 'volume'))
    const entries = readSnapshot((await made.blobs.get(request?.snapshot ?? '')) ?? new Uint8Array())
    expect(entries).toHaveLength(11)
    expect(entries.find(({ pairId }) => pairId === heldOut.pairId)?.split).toBe('test')
    await made.log.append(numbered('one', 2, 10))
    await made.passed('count')
    expect((await requestsInLog(made))[1]).toMatchObject({
      requestId: requestIdOf(request?.requestId ?? null, 'volume'),
      previousRequestId: request?.requestId,
    })
  })

  it('tells of each publication once, however often its batch is tried, and of no tombstone', async () => {
    const made = await platform()
    const erased = pairEvent('one', 'erased')
    await made.log.append([publication(erased), tombstoneOf(erased), ...numbered('one', 10)])
    let published = 0
    let failures = 3
    const handler = createCountHandler({
      ...made,
      settings: { threshold: 0.1, firstTrainingPairs: 5 },
      partitions: PARTITIONS,
      onPublished: (pairs) => (published += pairs),
    })
    const put: typeof made.blobs.put = async (...given) => {
      if (failures-- > 0) throw new AppError('blob-store-unavailable', 'It is away.')
      await made.blobs.put(...given)
    }
    made.start(handler, {}, { blobs: { ...made.blobs, put } })
    await made.passed('count')
    expect(failures).toBeLessThan(0)
    expect(published).toBe(11)
  })

  it('asks for the same when it did not get as far as the commit', async () => {
    const made = await platform()
    await made.log.append(numbered('one', 10))
    await made.catalogue.caughtUp(made.log)
    const { handle } = counting(made)
    const records = await tailRecords(made.log, ['pairs'], 10)
    const first = await handle(records, new AbortController().signal)
    const second = await handle(records, new AbortController().signal)
    await applyEffects(first, made.ports)
    await applyEffects(second, made.ports)
    const [one, two] = await requestsInLog(made)
    expect(two?.requestId).toBe(one?.requestId)
    await made.catalogue.caughtUp(made.log)
    expect(made.catalogue.requests()).toHaveLength(1)
    // Delivered once more after the request is known, there is nothing left to ask for.
    expect(
      (await handle(records, new AbortController().signal)).filter(({ type }) => type === 'events-append'),
    ).toEqual([])
  })

  it('asks once although two of its kind count at once', async () => {
    const made = await platform()
    const handler = counting(made)
    made.start(handler)
    made.start({ ...handler, group: 'another counter' })
    for (let i = 0; i < 40; i++) await made.log.append(numbered(`image ${i % 5}`, 1, i))
    await made.passed('count')
    await made.passed('another counter')
    await made.catalogue.caughtUp(made.log)
    const known = made.catalogue.requests()
    expect(new Set(known.map(({ requestId }) => requestId)).size).toBe(known.length)
    known.forEach(({ dataSetSize, newPairs }, i) => {
      const base = dataSetSize - newPairs
      expect(i === 0 ? dataSetSize >= 10 : newPairs > 0.1 * base).toBe(true)
      expect(base).toBe(known[i - 1]?.dataSetSize ?? 0)
    })
  })

  it('counts from the snapshot of a request that somebody else made', async () => {
    const made = await platform()
    made.start(counting(made))
    await made.log.append(numbered('one', 5))
    await made.passed('count')
    const manual = { reason: 'manual', requestedBy: 'someone', threshold: 0.1, now: 1 } as const
    await applyEffects(retrainingRequest(made.catalogue, manual).effects, made.ports)
    await made.log.append(numbered('one', 1, 5))
    await made.passed('count')
    expect((await requestsInLog(made)).map(({ reason, dataSetSize }) => [reason, dataSetSize])).toEqual([
      ['manual', 5],
      ['volume', 6],
    ])
  })

  it('sends poison to the dead topic, once', async () => {
    const made = await platform()
    const event = pairEvent('one', 'a dog')
    await made.log.append([
      ...numbered('one', 3),
      { ...publication(event), value: { ...event, caption: 'a cat' } },
      { ...publication(event), key: 'nonsense' },
      ...numbered('one', 3, 3),
    ])
    made.start(counting(made))
    await made.passed('count')
    const causes = (await made.log.dead('pairs')).map(({ headers }) => [headers['cause'], headers['attempts']])
    expect(causes).toEqual([['wrong-id', '1'], ['wrong-id', '1']]) // prettier-ignore
    expect(made.catalogue.counts().counted).toBe(6)
  })

  it('puts the pictures that records carry where a first training finds them', async () => {
    const made = await platform()
    const [kept, erased] = [pairEvent('one', 'a dog'), pairEvent('two', 'a cat')]
    await made.log.append([publication(kept), publication(erased), tombstoneOf(erased)])
    await made.catalogue.caughtUp(made.log)
    made.start(counting(made))
    await made.passed('count')
    expect(await made.blobs.get(imageBlobKey(kept.imageId))).toEqual(kept.picture)
    expect(await made.blobs.get(imageBlobKey(erased.imageId))).toBeNull()
  })

  it('can be stopped although the catalogue is no longer folded, and goes on once it is again', async () => {
    const made = await platform()
    await made.follower.stop()
    const waiting = promise()
    const consumer = made.start(counting(made), { onWaiting: () => waiting.resolve() })
    await made.log.append(numbered('one', 10))
    await waiting.promise
    await consumer.stop()
    await consumer.done
    expect((await made.log.committedOffsets('count', 'pairs')).size).toBe(0)
    const again = await made.catalogue.follow(made.log)
    made.start(counting(made))
    await made.passed('count')
    expect(await requestsInLog(made)).toHaveLength(1)
    await again.stop()
  })

  it('asks as the plainest model does, whatever is published and erased and however it is cut into batches', async () => {
    const change = fc.record({ pair: fc.nat(60), erase: fc.integer({ min: 0, max: 3 }).map((n) => n === 0) })
    const chunks = fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(
        chunks,
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(0.1, 0.5),
        async (parts, maxRecords, threshold) => {
          const settings = { threshold, firstTrainingPairs: 8 }
          const made = await createPlatform()
          try {
            made.start({ ...counting(made, settings), maxRecords })
            const live = new Set<string>()
            const erased = new Set<string>()
            let base: Set<string> | null = null
            const expected: [number, number][] = []
            for (const part of parts) {
              const events = part.map(({ pair, erase }) => ({
                erase,
                event: pairEvent(`image ${pair % 7}`, `caption ${pair}`),
              }))
              await made.log.append(events.map(({ erase, event }) => (erase ? tombstoneOf(event) : publication(event))))
              await made.passed('count')
              for (const { erase, event } of events) {
                if (erase) {
                  live.delete(event.pairId)
                  erased.add(event.pairId)
                } else if (!erased.has(event.pairId)) live.add(event.pairId)
              }
              const old = [...live].filter((pairId) => base?.has(pairId)).length
              const fresh = live.size - old
              if (base === null ? fresh >= 8 : fresh > threshold * old) {
                expected.push([live.size, fresh])
                base = new Set(live)
              }
            }
            const asked = (await requestsInLog(made)).map(({ dataSetSize, newPairs }) => [dataSetSize, newPairs])
            expect(asked).toEqual(expected)
          } finally {
            await made.close()
          }
        },
      ),
      { numRuns: 20 },
    )
  }, 60_000)
})

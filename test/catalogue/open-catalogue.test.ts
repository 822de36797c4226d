import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { onTestFinished, describe, expect, it } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import { openCatalogue } from '../../src/catalogue/open-catalogue.ts'
import { AppError } from '../../src/core/errors.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { openDatabase } from '../../src/sqlite/database.ts'
import { runScript } from '../fixtures/child-process.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { numbered, pairEvent } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { erasureOf, harness, PARTITIONS, publication, tombstoneOf } from './catalogue-harness.ts'
import { dump } from './dump.ts'

const DAY = 24 * 3_600_000

/** Something of everything, in many batches. */
const mixedRecords = () =>
  Array.from({ length: 12 }, (_, round) => [
    ...numbered(`image ${round % 7}`, 200, round * 100),
    tombstoneOf(pairEvent(`image ${round % 7}`, `caption ${round * 100 + 5}`)),
    erasureOf(pairEvent('image 0', `caption ${round}`), 'requested'),
    publication(
      pairEvent(`image ${round % 5}`, `again ${round}`, {
        split: round % 2 === 0 ? 'test' : null,
        perceptualHash: `hash ${round % 3}`,
      }),
    ),
  ]).flat()

describe('a catalogue that follows the log', () => {
  it('is caught up although compaction has taken the newest records', async () => {
    const { log, follow, now } = await harness()
    const event = pairEvent('one', 'a dog')
    await log.append([publication(event), tombstoneOf(event)])
    await log.maintain(now() + 40 * DAY)
    const { catalogue } = await follow()
    await catalogue.caughtUp(log)
    expect(await catalogue.isCaughtUp(log)).toBe(true)
    expect(catalogue.counts().pairs).toBe(0)
  })

  it('has folded what was in the log at the call, and lets go of those who wait when it ends', async () => {
    const { log, follow } = await harness()
    const { catalogue, consumer } = await follow()
    await log.append(numbered('one', 500))
    await catalogue.caughtUp(log)
    expect(catalogue.counts().pairs).toBe(500)
    const [position] = await log.append(numbered('one', 1, 500))
    await catalogue.foldedPast(position === undefined ? [] : [position])
    expect(catalogue.counts().pairs).toBe(501)

    await consumer.stop()
    await catalogue.caughtUp(log) // nothing is missing, so nothing is waited for
    await log.append(numbered('one', 1, 501))
    await expect(catalogue.caughtUp(log)).rejects.toMatchObject({ code: 'not-ready' })
    const again = await catalogue.follow(log)
    await catalogue.caughtUp(log)
    expect(catalogue.counts().pairs).toBe(502)

    const waiting = catalogue.foldedPast([{ partition: 0, offset: 1_000_000 }])
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'not-ready' }), again.stop()])
    expect(await catalogue.isCaughtUp(log)).toBe(true)
  })

  it('answers those who wait when it is closed', async () => {
    const { follow } = await harness()
    const { catalogue, close } = await follow()
    const waiting = catalogue.foldedPast([{ partition: 0, offset: 7 }])
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'not-ready' }), close()])
    await expect(catalogue.foldedPast([{ partition: 0, offset: 7 }])).rejects.toMatchObject({ code: 'not-ready' })
  })

  it('tells of changes, of releases apart, until it is asked to stop', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const told: string[] = []
    const stopped = [
      catalogue.onChange(() => told.push('change')),
      catalogue.onReleaseChange(() => told.push('release')),
    ]
    await log.append(numbered('one', 1))
    await catalogue.caughtUp(log)
    expect(told).toEqual(['change'])
    const value = { ...topicValues.releases, follows: null }
    await log.append([{ topic: 'releases', key: value.releaseId, value }])
    await catalogue.caughtUp(log)
    expect(told.sort()).toEqual(['change', 'change', 'release'])
    for (const stop of stopped) stop()
    await log.append(numbered('one', 1, 1))
    await catalogue.caughtUp(log)
    expect(told).toHaveLength(3)
  })

  it('waits for a blob store that is away, and folds the other topics meanwhile', async () => {
    const made = await harness()
    let away = true
    const database = openDatabase(join(made.folder, 'other.db'))
    const blobs = {
      ...made.blobs,
      async get(key: string) {
        if (away) throw new AppError('blob-store-unavailable', 'The test has taken it away.')
        return made.blobs.get(key)
      },
    }
    const catalogue = openCatalogue({ database, blobs })
    const consumer = await catalogue.follow(made.log)
    const value = topicValues['retraining.requested']
    const positions = await made.log.append([
      { topic: 'retraining.requested', key: value.requestId, value },
      ...numbered('one', 3),
    ])
    await catalogue.foldedPast(positions.slice(1))
    expect(catalogue.counts().pairs).toBe(3)
    expect(catalogue.requests()).toHaveLength(0)
    away = false
    await catalogue.caughtUp(made.log)
    expect(catalogue.requests()).toHaveLength(1)
    await consumer.stop()
    catalogue.close()
  })

  it('can be stopped while a dependency never answers: the fold, and those who wait for it', async () => {
    const made = await harness()
    const asked = promise()
    const blobs = {
      ...made.blobs,
      get() {
        asked.resolve()
        return new Promise<never>(() => undefined)
      },
    }
    const value = topicValues['retraining.requested']
    await made.log.append([{ topic: 'retraining.requested', key: value.requestId, value }])
    const catalogue = openCatalogue({ database: openDatabase(join(made.folder, 'other.db')), blobs })
    const stopping = new AbortController()
    const following = catalogue.follow(made.log, stopping.signal)
    const waiting = catalogue.caughtUp(made.log, stopping.signal)
    const past = catalogue.foldedPast([{ partition: 0, offset: 7 }], stopping.signal)
    const refused = [following, waiting, past].map((each) => expect(each).rejects.toMatchObject({ code: 'not-ready' }))
    await asked.promise
    stopping.abort()
    await Promise.all(refused)
    expect(catalogue.requests()).toEqual([])
    catalogue.close()
  })

  it('waits for no log that never answers once it is stopped', async () => {
    const made = await harness()
    const { catalogue } = await made.follow()
    const log = { ...made.log, endOffsets: () => new Promise<never>(() => undefined) }
    const stopping = new AbortController()
    const waiting = catalogue.caughtUp(log, stopping.signal)
    stopping.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'not-ready' })
  })

  it('is folded anew where the file is of another version', async () => {
    const made = await harness()
    await made.log.append(numbered('one', 3))
    const first = await made.follow()
    await first.catalogue.caughtUp(made.log)
    first.database.exec('PRAGMA user_version = 1; CREATE TABLE stray (a); DROP TABLE image')
    await first.close()
    const second = await made.follow()
    await second.catalogue.caughtUp(made.log)
    expect(second.catalogue.counts()).toMatchObject({ images: 1, pairs: 3 })
  })
})

describe('a catalogue whose log is not the one that it folded', () => {
  /** Three pairs are folded of the first log; the other one has one. */
  async function twoLogs() {
    const made = await harness()
    await made.log.append(numbered('one', 3))
    const first = await made.follow()
    await first.catalogue.caughtUp(made.log)
    const other = createSqliteLog({ path: join(made.folder, 'other-log.db'), partitions: PARTITIONS })
    onTestFinished(() => other.close())
    await other.append(numbered('two', 1))
    return { made, first, other }
  }
  const reopen = (folder: string, made: Awaited<ReturnType<typeof twoLogs>>['made']) =>
    openCatalogue({ database: openDatabase(join(folder, 'catalogue.db')), blobs: made.blobs })

  it.each([
    ['another one', async (other: EventLog) => other],
    [
      'the same, which has lost its end',
      async (other: EventLog, log: EventLog) => ({ ...other, identity: log.identity }),
    ],
  ])('is folded anew: %s', async (_, logOf) => {
    const { made, first, other } = await twoLogs()
    const log = await logOf(other, made.log)
    expect(await first.catalogue.isCaughtUp(log)).toBe(false)
    await first.close()
    const catalogue = reopen(made.folder, made)
    const consumer = await catalogue.follow(log)
    await catalogue.caughtUp(log)
    expect(catalogue.counts()).toMatchObject({ images: 1, pairs: 1 })
    expect([...catalogue.livePairs()].map(({ caption }) => caption)).toEqual(['caption 0'])
    await consumer.stop()
    catalogue.close()
  })

  it('counts nothing as folded once the log loses its end, ends, and is folded anew at the next start', async () => {
    const { made, first, other } = await twoLogs()
    await first.close()
    const truncations: (() => unknown)[] = []
    const log: EventLog = {
      ...made.log,
      tail(from, options) {
        const [topic] = options.topics
        truncations.push(() => topic !== undefined && options.onTruncated?.(topic, 0))
        return made.log.tail(from, options)
      },
    }
    const catalogue = reopen(made.folder, made)
    const consumer = await catalogue.follow(log)
    await catalogue.caughtUp(log)
    expect(truncations[1]).toThrow(AppError)
    await expect(catalogue.caughtUp(log)).rejects.toMatchObject({ code: 'not-ready' })
    await expect(catalogue.foldedPast([{ partition: 0, offset: 0 }])).rejects.toMatchObject({ code: 'not-ready' })
    await consumer.stop()
    catalogue.close()
    const next = reopen(made.folder, made)
    const refilled = { ...other, identity: made.log.identity }
    const again = await next.follow(refilled)
    await next.caughtUp(refilled)
    expect(next.counts()).toMatchObject({ images: 1, pairs: 1 })
    await again.stop()
    next.close()
  })
})

describe('a catalogue among processes', () => {
  it('is read while another process folds it', async () => {
    const made = await harness()
    const path = join(made.folder, 'shared.db')
    const script = runScript('fold-until-killed.ts', made.folder, path, String(PARTITIONS))
    await made.log.append(numbered('one', 10))
    await script.printed(1)
    const catalogue = openCatalogue({
      database: openDatabase(path, { readonly: true }),
      blobs: made.blobs,
      readonly: true,
    })
    onTestFinished(() => catalogue.close())
    await catalogue.caughtUp(made.log)
    expect(catalogue.counts().pairs).toBe(10)
    const event = pairEvent('one', 'caption 3')
    await made.log.append([tombstoneOf(event)])
    await catalogue.caughtUp(made.log)
    expect(catalogue.counts().pairs).toBe(9)
    expect(catalogue.isErased(event.pairId)).toBe(true)
    script.process.kill('SIGKILL')
    await script.ended
  })

  it('refuses to be read before it is there', async () => {
    const made = await harness()
    const path = join(made.folder, 'empty.db')
    openDatabase(path).close()
    const database = openDatabase(path, { readonly: true })
    expect(() => openCatalogue({ database, blobs: made.blobs, readonly: true })).toThrow(
      expect.objectContaining({ code: 'not-ready' }),
    )
    database.close()
  })

  it('is the same after SIGKILL at random moments of the fold', async () => {
    const made = await harness()
    const records = mixedRecords()
    const path = join(made.folder, 'killed.db')
    for (let life = 0; life < 4; life++) {
      const part = records.slice((life * records.length) / 4, ((life + 1) * records.length) / 4)
      const script = runScript('fold-until-killed.ts', made.folder, path, String(PARTITIONS))
      const appending = (async () => {
        for (let from = 0; from < part.length; from += 20) await made.log.append(part.slice(from, from + 20))
      })()
      await script.printed(randomInt(1, 4))
      script.process.kill('SIGKILL')
      await script.ended
      await appending
    }
    const killed = await made.follow('killed.db')
    await killed.catalogue.caughtUp(made.log)
    const rebuilt = await made.rebuild()
    expect(dump(killed.database)).toEqual(dump(rebuilt.database))
  })
})

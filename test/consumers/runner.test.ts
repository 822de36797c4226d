import { describe, expect, it } from 'vitest'
import { run, type Handler } from '../../src/consumers/runner.ts'
import { AppError } from '../../src/core/errors.ts'
import { imageIdOf } from '../../src/core/ids.ts'
import type { EventLog, LogRecord } from '../../src/ports/event-log.ts'
import { boundedLog, LONGEST_KEY } from '../fixtures/bounded-log.ts'
import { numbered, pairRecord } from '../fixtures/pair-events.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { platform, quickPolicy } from './consumer-harness.ts'

const captionOf = ({ value }: LogRecord<'pairs'>) => value?.caption ?? ''

const handlerOf = (handle: Handler<'pairs'>['handle'], rest: Partial<Handler<'pairs'>> = {}): Handler<'pairs'> => ({
  group: 'tested',
  topics: ['pairs'],
  handle,
  ...rest,
})

describe('the runner', () => {
  it('kills poison at once, and only what is poison of its batch', async () => {
    const { log, start, passed } = await platform()
    const handled: string[] = []
    const attempts = new Map<string, number>()
    const died: string[] = []
    await log.append(numbered('one', 9))
    start(
      handlerOf(async (records) => {
        for (const record of records) {
          attempts.set(captionOf(record), (attempts.get(captionOf(record)) ?? 0) + 1)
          if (captionOf(record) === 'caption 4') throw new AppError('wrong-id', 'It is poison.')
        }
        handled.push(...records.map(captionOf))
        return []
      }),
      { onDead: (record, error) => died.push(`${record.offset} ${error.code}`) },
    )
    await passed('tested')
    expect(handled.sort()).toEqual([0, 1, 2, 3, 5, 6, 7, 8].map((i) => `caption ${i}`))
    // Once in the batch, once alone.
    expect(attempts.get('caption 4')).toBe(2)
    expect(died).toEqual(['4 wrong-id'])
  })

  it('says of the dead where they came from and why they died, and never what they were', async () => {
    const { log, start, passed, clock } = await platform()
    const [position] = await log.append([pairRecord('one', 'a very private caption')])
    start(handlerOf(async () => Promise.reject(new AppError('wrong-id', 'not: a very private caption'))))
    await passed('tested')
    const [dead, ...others] = await log.dead('pairs')
    expect(others).toEqual([])
    expect(dead).toMatchObject({ key: pairRecord('one', 'a very private caption').key, partition: position?.partition })
    expect(dead?.headers).toMatchObject({
      origin_topic: 'pairs',
      origin_partition: String(position?.partition),
      origin_offset: String(position?.offset),
      cause: 'wrong-id',
      group: 'tested',
      attempts: '1',
    })
    expect(Number(dead?.headers['died_at'])).toBeLessThanOrEqual(clock())
    expect(JSON.stringify(dead)).not.toContain('private')
  })

  it('buries a record whose key fills it, with the beginning of the key', async () => {
    const { log, passed, ports } = await platform()
    const key = 'k'.repeat(LONGEST_KEY)
    await log.append([{ ...pairRecord('one', 'a'), key, partition: 0 }, ...numbered('one', 1)])
    const poison = handlerOf(async () => Promise.reject(new AppError('wrong-id', 'It is poison.')))
    const consumer = run(poison, { log: boundedLog(log), ports, policy: quickPolicy })
    await Promise.race([passed('tested'), consumer.done])
    const dead = await log.dead('pairs')
    expect(dead).toMatchObject([
      { key: 'k'.repeat(1_024), headers: { origin_offset: '0', key_cut_from: String(LONGEST_KEY) } },
      { key: numbered('one', 1)[0]?.key },
    ])
    expect(dead[1]?.headers).not.toHaveProperty('key_cut_from')
    await consumer.stop()
  })

  it('tries what it does not understand five times, then goes on', async () => {
    const { log, start, passed } = await platform()
    await log.append(numbered('one', 3))
    const alone: string[] = []
    start(
      handlerOf(async (records) => {
        if (records.length === 1) alone.push(...records.map(captionOf))
        if (records.some((record) => captionOf(record) === 'caption 1')) throw new TypeError('not understood')
        return []
      }),
    )
    await passed('tested')
    expect(alone).toEqual(['caption 0', ...Array<string>(5).fill('caption 1'), 'caption 2'])
    const [dead] = await log.dead('pairs')
    expect(dead?.headers).toMatchObject({ cause: 'internal', attempts: '5' })
  })

  it('recovers when a later attempt succeeds', async () => {
    const { log, start, passed } = await platform()
    await log.append(numbered('one', 1))
    let attempts = 0
    start(
      handlerOf(async () => {
        if (++attempts < 5) throw new Error('not yet')
        return []
      }),
    )
    await passed('tested')
    expect(attempts).toBe(5)
    expect(await log.dead('pairs')).toEqual([])
  })

  it('waits for a dependency without limit, losing nothing', async () => {
    const { log, start, passed } = await platform()
    await log.append(numbered('one', 20))
    let attempts = 0
    let waits = 0
    const handled: string[] = []
    start(
      handlerOf(
        async (records) => {
          if (++attempts % 40 !== 0) throw new AppError('index-unavailable', 'It is away.')
          handled.push(...records.map(captionOf))
          return []
        },
        { maxRecords: 10 },
      ),
      { onWaiting: () => waits++ },
    )
    await passed('tested')
    expect(handled).toEqual(Array.from({ length: 20 }, (_, i) => `caption ${i}`))
    expect(waits).toBe(78)
    expect(await log.dead('pairs')).toEqual([])
  })

  it('does not count waits as attempts', async () => {
    const { log, start, passed } = await platform()
    await log.append(numbered('one', 1))
    let calls = 0
    start(
      handlerOf(async () => {
        calls++
        throw calls % 2 === 1 ? new AppError('log-unavailable', 'It is away.') : new Error('not understood')
      }),
    )
    await passed('tested')
    expect(calls).toBe(10)
    expect((await log.dead('pairs'))[0]?.headers['attempts']).toBe('5')
  })

  it('applies the effects before it commits, and again when one of them failed', async () => {
    const { log, start, passed, blobs } = await platform()
    await log.append(numbered('one', 1))
    const put: string[] = []
    let failures = 2
    const flaky = {
      ...blobs,
      async put(key: string, bytes: Uint8Array) {
        put.push(key)
        if (key === 'b' && failures-- > 0) throw new AppError('storage-full', 'No room.')
        await blobs.put(key, bytes)
        expect((await log.committedOffsets('tested', 'pairs')).size).toBe(0)
      },
    }
    const effects = ['a', 'b', 'c'].map((key) => ({ type: 'blob-put', key, bytes: new Uint8Array([1]) }) as const)
    start(
      handlerOf(async () => effects),
      {},
      { blobs: flaky },
    )
    await passed('tested')
    expect(put).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'c'])
  })

  it('does not pass a dead record before its death is in the log', async () => {
    const { log, passed, ports } = await platform()
    await log.append(numbered('one', 1))
    let refusals = 3
    const full: EventLog = {
      ...log,
      async append(records) {
        if (refusals-- > 0) throw new AppError('storage-full', 'No room.')
        return log.append(records)
      },
    }
    const poison = handlerOf(async () => Promise.reject(new AppError('wrong-id', 'It is poison.')))
    const consumer = run(poison, { log: full, ports, policy: quickPolicy })
    await passed('tested')
    expect(await log.dead('pairs')).toHaveLength(1)
    await consumer.stop()
  })

  it('leaves a batch uncommitted when it is stopped during a wait, for whoever comes next', async () => {
    const { log, start, passed } = await platform()
    await log.append(numbered('one', 4))
    const waiting = promise()
    const stopped = start(
      handlerOf(async () => Promise.reject(new AppError('index-unavailable', 'It is away.'))),
      { onWaiting: () => waiting.resolve() },
    )
    await waiting.promise
    await stopped.stop()
    await stopped.done
    expect((await log.committedOffsets('tested', 'pairs')).size).toBe(0)
    expect(await log.dead('pairs')).toEqual([])
    const handled: string[] = []
    start(
      handlerOf(async (records) => {
        handled.push(...records.map(captionOf))
        return []
      }),
    )
    await passed('tested')
    expect(handled).toHaveLength(4)
  })

  it('stops in the middle of attempts without a verdict', async () => {
    const { log, start } = await platform()
    await log.append(numbered('one', 1))
    const trying = promise()
    const consumer = start(
      handlerOf(async (_, signal) => {
        trying.resolve()
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        throw new Error('interrupted')
      }),
    )
    await trying.promise
    await consumer.stop()
    expect((await log.committedOffsets('tested', 'pairs')).size).toBe(0)
    expect(await log.dead('pairs')).toEqual([])
  })

  it.each([
    ['another member has the partition now', new AppError('not-ready', 'It is lost.'), ['a'], 0],
    ['it is stopped', undefined, ['a', 'b'], 1],
  ])('between two effects of a batch, when %s, goes no further than it may', async (_, reason, applied, committed) => {
    const { log, passed, ports, blobs } = await platform()
    await log.append(numbered('one', 1))
    const raised = new AbortController()
    const put: string[] = []
    const given = promise()
    const partitioned: EventLog = {
      ...log,
      consume: (group, options) =>
        log.consume(group, {
          ...options,
          async handle(records) {
            // As a driver does with a partition that was lost: no failure, and no commit.
            await options.handle(records, raised.signal).catch((error: unknown) => {
              given.resolve()
              throw error
            })
          },
        }),
    }
    const effects = ['a', 'b'].map((key) => ({ type: 'blob-put', key, bytes: new Uint8Array([1]) }) as const)
    const consumer = run(
      handlerOf(async () => effects),
      {
        log: partitioned,
        policy: quickPolicy,
        ports: {
          ...ports,
          blobs: {
            ...blobs,
            async put(key) {
              put.push(key)
              raised.abort(reason)
            },
          },
        },
      },
    )
    await Promise.race([passed('tested'), given.promise])
    await consumer.stop()
    expect(put).toEqual(applied)
    expect((await log.committedOffsets('tested', 'pairs')).size).toBe(committed)
  })

  it('keeps the order within an image although others fail', async () => {
    const { log, start, passed } = await platform()
    const images = ['one', 'two', 'three', 'four']
    await log.append(images.flatMap((image) => numbered(image, 10)))
    const seen = new Map<string, string[]>()
    let calls = 0
    start(
      handlerOf(
        async (records) => {
          if (++calls % 3 === 0) throw new AppError('index-unavailable', 'It is away.')
          for (const { value } of records) {
            const id = value?.imageId ?? ''
            seen.set(id, [...(seen.get(id) ?? []), value?.caption ?? ''])
          }
          return []
        },
        { maxRecords: 4, partitionsAtOnce: 3 },
      ),
    )
    await passed('tested')
    for (const image of images) {
      expect(seen.get(imageIdOf(new TextEncoder().encode(image)))).toEqual(
        Array.from({ length: 10 }, (_, i) => `caption ${i}`),
      )
    }
  })
})

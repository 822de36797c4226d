import { describe, expect, it } from 'vitest'
import { fetchFrom } from '../../../../src/adapters/event-log/kafka/fetch.ts'
import { answerOf, brokerThatAnswers, encodeBatch, type AnsweredPart, type WrittenRecord } from './kafkajs-protocol.ts'

const record = (offsetDelta: number): WrittenRecord => ({
  offsetDelta,
  timestampDelta: 0,
  key: Buffer.from('key'),
  value: Buffer.from('value'),
  headers: {},
})
const limits = { wait: 0, bytes: 1, partitionBytes: 1 }

const fetchOf = (partitions: readonly AnsweredPart[], version = 11, offset = 0) =>
  fetchFrom(
    brokerThatAnswers(version, answerOf(version, partitions)),
    partitions.map(({ partition }) => ({ topic: 'pairs', partition, offset })),
    limits,
  )

describe('fetching', () => {
  it.each([4, 5, 6, 7, 8, 9, 10, 11])(
    'reads an answer of version %i, from the offset that was asked for',
    async (version) => {
      const records = await encodeBatch([record(0), record(1), record(2)], { firstOffset: 4 })
      const [fetched] = await fetchOf([{ partition: 3, records, end: 7 }], version, 5)
      expect(fetched).toMatchObject({ topic: 'pairs', partition: 3, failure: null, next: 7, end: 7 })
      expect(fetched?.records.map(({ offset }) => offset)).toEqual([5, 6])
    },
  )

  it('keeps to itself what is wrong with one partition', async () => {
    const good = await encodeBatch([record(0)])
    const packed = Buffer.from(good)
    packed.writeInt16BE(2, 21)
    const fetched = await fetchOf([
      { partition: 0, records: good },
      { partition: 1, errorCode: 1 },
      { partition: 2, records: packed },
      { partition: 3, errorCode: 29 },
      { partition: 4, records: good },
    ])
    expect(fetched.map(({ records }) => records.length)).toEqual([1, 0, 0, 0, 1])
    expect(fetched.map(({ failure }) => failure)).toMatchObject([
      null,
      { type: 'OFFSET_OUT_OF_RANGE' },
      { code: 'log-unavailable', message: expect.stringMatching(/pairs, partition 2, .*snappy/) as string },
      { type: 'TOPIC_AUTHORIZATION_FAILED' },
      null,
    ])
  })

  it('leaves out what transactions gave up, and the marks at their ends', async () => {
    const transactional = { transactional: true, producerId: 7 }
    const marker = Buffer.from(
      await encodeBatch([{ ...record(0), key: Buffer.alloc(4) }], { firstOffset: 2, producerId: 7 }),
    )
    marker.writeInt16BE(0b11_0000, 21)
    const records = Buffer.concat([
      await encodeBatch([record(0)], { firstOffset: 0, ...transactional }),
      await encodeBatch([record(0)], { firstOffset: 1 }),
      marker,
      await encodeBatch([record(0)], { firstOffset: 3, ...transactional }),
    ])
    const [fetched] = await fetchOf([{ partition: 0, records, aborted: [{ producerId: 7, firstOffset: 0 }] }])
    expect(fetched?.records.map(({ offset }) => offset)).toEqual([1, 3])
    expect(fetched?.next).toBe(4)
  })

  it('tells nothing of a partition whose answer has no records', async () => {
    expect(await fetchOf([{ partition: 0, end: 9 }])).toMatchObject([
      { failure: null, records: [], next: null, end: 9 },
    ])
  })
})

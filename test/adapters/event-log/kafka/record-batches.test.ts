import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeRecordBatches,
  MOST_HEADERS,
  type IncomingRecord,
} from '../../../../src/adapters/event-log/kafka/record-batches.ts'
import { decodeAsKafkajs, encodeBatch, type HeaderValues, type WrittenRecord } from './kafkajs-protocol.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const headerValue = fc.oneof(bytes, fc.string(), fc.array(bytes, { minLength: 2, maxLength: 3 }))
const headers: fc.Arbitrary<HeaderValues> = fc.dictionary(fc.string({ unit: 'grapheme' }), headerValue, { maxKeys: 6 })
const record = fc.record({
  timestampDelta: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers,
})
const batch = fc.record({
  gap: fc.nat(2 ** 33),
  lost: fc.nat(3),
  firstTimestamp: fc.integer({ min: 0, max: 2 ** 42 }),
  records: fc.array(record, { maxLength: 5 }),
})

/** Batches one after the other, as a log holds them. */
async function encodeBatches(batches: (typeof batch extends fc.Arbitrary<infer B> ? B : never)[]) {
  const encoded: { bytes: Buffer; next: number }[] = []
  for (const { gap, lost, firstTimestamp, records } of batches) {
    const firstOffset = (encoded.at(-1)?.next ?? 0) + gap
    const written = records.map((each, index) => ({ ...each, offsetDelta: index * 2 }))
    const lastOffsetDelta = records.length * 2 + lost
    const options = { firstOffset, firstTimestamp, lastOffsetDelta }
    encoded.push({ bytes: await encodeBatch(written, options), next: firstOffset + lastOffsetDelta + 1 })
  }
  return encoded
}

const plain = ({ offset, timestamp, key, value, headers: read }: IncomingRecord) => ({
  offset: String(offset),
  timestamp: String(timestamp),
  key,
  value,
  headers: Object.fromEntries(read ?? []),
})

/** Of a batch, before its records. */
const HEADER_BYTES = 61

const small = (index: number): WrittenRecord => ({
  offsetDelta: index,
  timestampDelta: 0,
  key: null,
  value: Buffer.of(1),
  headers: {},
})

describe('reading batches of records', () => {
  it('reads what kafkajs reads of what kafkajs writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 4 }), async (batches) => {
        const encoded = await encodeBatches(batches)
        const whole = Buffer.concat(encoded.map((each) => each.bytes))
        const expected = await decodeAsKafkajs(whole)
        const read = await decodeRecordBatches(whole)
        expect(read.flatMap(({ records }) => records.map(plain))).toEqual(
          expected.map(({ offset, timestamp, key, value, headers: theirs }) => ({
            offset,
            timestamp,
            key,
            value,
            headers: Object.fromEntries(
              Object.entries(theirs).map(([name, values]) => [name, Array.isArray(values) ? values.at(-1) : values]),
            ),
          })),
        )
        expect(read.map(({ next }) => next)).toEqual(encoded.map(({ next }) => next))
      }),
    )
  })

  it('leaves a batch that is cut off anywhere to the next fetch', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 3 }), fc.nat(), async (batches, at) => {
        const encoded = await encodeBatches(batches)
        const whole = Buffer.concat(encoded.map((each) => each.bytes))
        const cut = at % (whole.length + 1)
        let complete = 0
        for (let end = 0; complete < encoded.length; complete++) {
          end += encoded[complete]?.bytes.length ?? 0
          if (end > cut) break
        }
        expect(await decodeRecordBatches(whole.subarray(0, cut))).toHaveLength(complete)
      }),
    )
  })

  it('never ends in anything but records or log-unavailable, whatever the bytes are', async () => {
    const original = await encodeBatch([small(0), { ...small(1), headers: { a: 'b' } }])
    await fc.assert(
      fc.asyncProperty(fc.nat(original.length - 1), fc.nat(255), async (at, byte) => {
        const damaged = Buffer.from(original)
        damaged[at] = byte
        await decodeRecordBatches(damaged).catch((error: unknown) =>
          expect(error).toMatchObject({ code: 'log-unavailable' }),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('gives a record with very many headers in its turn, without them and without delay', async () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`h${index}`, 'v']))
    const most = Object.fromEntries(Array.from({ length: MOST_HEADERS }, (_, index) => [`h${index}`, 'v']))
    const encoded = await encodeBatch([small(0), { ...small(1), headers: many }, { ...small(2), headers: most }])
    const begunAt = performance.now()
    const [read] = await decodeRecordBatches(encoded)
    expect(performance.now() - begunAt).toBeLessThan(200)
    expect(read?.records.map(({ offset, headers: found }) => [offset, found?.size])).toEqual([
      [0, 0],
      [1, undefined],
      [2, MOST_HEADERS],
    ])
  })

  it('reads a batch of very many records', async () => {
    const one = await encodeBatch([small(0)])
    const count = 200_000
    const body = one.subarray(HEADER_BYTES)
    const head = Buffer.from(one.subarray(0, HEADER_BYTES))
    head.writeInt32BE(HEADER_BYTES - 12 + count * body.length, 8)
    head.writeInt32BE(count, HEADER_BYTES - 4)
    const [read] = await decodeRecordBatches(Buffer.concat([head, ...Array.from({ length: count }, () => body)]))
    expect(read?.records).toHaveLength(count)
  })

  it('tells where a batch ends whose records are all compacted away', async () => {
    const encoded = await encodeBatch([], { firstOffset: 10, lastOffsetDelta: 4 })
    expect(await decodeRecordBatches(encoded)).toMatchObject([{ firstOffset: 10, next: 15, records: [] }])
  })

  it('reads what is compressed with gzip', async () => {
    const encoded = await encodeBatch([small(0), small(1)], { firstOffset: 7, compression: 1 })
    expect((await decodeRecordBatches(encoded))[0]?.records.map(({ offset }) => offset)).toEqual([7, 8])
  })

  it('gives the batches before one that it cannot read, and says what to do about that one', async () => {
    const good = await encodeBatch([small(0)])
    const packed = Buffer.from(await encodeBatch([small(0)], { firstOffset: 1 }))
    packed[22] = (packed[22] ?? 0) | 4
    expect(await decodeRecordBatches(Buffer.concat([good, packed]))).toMatchObject([{ next: 1 }])
    await expect(decodeRecordBatches(packed)).rejects.toMatchObject({
      code: 'log-unavailable',
      message: expect.stringContaining('compressed with zstd') as string,
    })
  })

  it.each([
    ['the format of old brokers', (batchBytes: Buffer) => batchBytes.writeInt8(1, 16), 'magic 1'],
    ['a number of records that it does not hold', (batchBytes: Buffer) => batchBytes.writeInt32BE(9, 57), 'damaged'],
    ['no gzip where it says so', (batchBytes: Buffer) => batchBytes.writeInt16BE(1, 21), 'damaged'],
  ])('refuses %s', async (_, damage, reason) => {
    const encoded = Buffer.from(await encodeBatch([small(0)]))
    damage(encoded)
    await expect(decodeRecordBatches(encoded)).rejects.toThrow(reason)
  })

  it('refuses the format of old brokers where it is shorter than the head of a batch too', async () => {
    const good = await encodeBatch([small(0)])
    const old = Buffer.alloc(40)
    old.writeInt32BE(28, 8)
    old.writeInt8(1, 16)
    await expect(decodeRecordBatches(old)).rejects.toThrow('magic 1')
    expect(await decodeRecordBatches(Buffer.concat([good, old]))).toHaveLength(1)
  })
})

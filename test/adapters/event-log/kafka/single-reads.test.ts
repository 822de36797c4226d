import type { Cluster } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { createAvroCodec } from '../../../../src/adapters/event-log/avro-codec.ts'
import type { Connection } from '../../../../src/adapters/event-log/kafka/connection.ts'
import { createSingleReads } from '../../../../src/adapters/event-log/kafka/single-reads.ts'
import { createValueCodec } from '../../../../src/adapters/event-log/kafka/value-codec.ts'
import { answerOf, brokerThatAnswers, encodeBatch, type AnsweredPart } from './kafkajs-protocol.ts'

const batchAt = (firstOffset: number) =>
  encodeBatch([{ offsetDelta: 0, timestampDelta: 0, key: Buffer.from('key'), value: null, headers: {} }], {
    firstOffset,
  })

/** What an answer says of the partition, which ends at 2; null leaves it out, as where a quota is used up. */
type Answer = Partial<AnsweredPart> | null

/** Reads from a broker that gives these answers. */
async function readsFrom(...answers: Answer[]) {
  const parts = answers.map((answer) => answerOf(11, answer === null ? [] : [{ partition: 0, end: 2, ...answer }]))
  const broker = brokerThatAnswers(11, ...parts)
  const cluster = { findLeaderForPartitions: () => ({ 0: [0] }), findBroker: async () => broker } as unknown as Cluster
  const connection: Connection = {
    use: (work) => work(cluster),
    useCoordinator: () => Promise.reject(new Error('not used')),
    close: () => undefined,
  }
  const offsets = {
    beginnings: async () => new Map([[0, 0]]),
    ends: async () => new Map([[0, 2]]),
    at: async () => new Map<number, number>(),
    committed: async () => new Map<number, number>(),
    commit: async () => undefined,
  }
  const registry = { register: async () => 1, schema: async () => null }
  const codec = await createValueCodec(registry, createAvroCodec(), (topic) => topic)
  return createSingleReads(connection, offsets, codec)
}

describe('reading one record', () => {
  const read = async (...answers: Answer[]) =>
    (await readsFrom(...answers)).record('retraining.requested', 'pairs', 0, 1)

  it('asks again where an answer holds nothing, or leaves the partition out', async () => {
    expect(await read({}, null, { records: await batchAt(1) })).toMatchObject({ offset: 1 })
  })

  it('says that it is gone where an answer reaches past it, or the log ends before it', async () => {
    expect(await read({}, { records: await batchAt(4) })).toBeNull()
    expect(await read({}, { end: 1 })).toBeNull()
  })

  it('does not say so where it is never told, unless compaction may have left nothing', async () => {
    await expect(read({})).rejects.toMatchObject({ code: 'log-unavailable' })
    expect(await (await readsFrom({})).record('pairs', 'pairs', 0, 1)).toBeNull()
    await expect((await readsFrom(null)).record('pairs', 'pairs', 0, 1)).rejects.toMatchObject({
      code: 'log-unavailable',
    })
  })
})

describe('listing dead records', () => {
  const offsetsOf = async (reads: ReturnType<typeof createSingleReads>) =>
    (await reads.dead('pairs.dead', 'pairs.dead', [0])).map(({ offset }) => offset)

  it('asks again where an answer holds nothing although there is more', async () => {
    const reads = await readsFrom({ records: await batchAt(0) }, {}, {}, { records: await batchAt(1) })
    expect(await offsetsOf(reads)).toEqual([0, 1])
  })

  it('ends where the log has become shorter in the meantime', async () => {
    expect(await offsetsOf(await readsFrom({ records: await batchAt(0) }, { end: 1 }))).toEqual([0])
  })

  it('does not pass off a part as all', async () => {
    const reads = await readsFrom({ records: await batchAt(0) }, {})
    await expect(offsetsOf(reads)).rejects.toMatchObject({ code: 'log-unavailable' })
  })
})

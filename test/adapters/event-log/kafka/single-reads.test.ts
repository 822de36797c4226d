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

/** Reads from a broker that says that a partition ends at 2, and gives these answers. */
async function readsFrom(...answers: Partial<AnsweredPart>[]) {
  const parts = answers.map((answer) => answerOf(11, [{ partition: 0, end: 2, ...answer }]))
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
    committed: async () => new Map<number, number>(),
    commit: async () => undefined,
  }
  const registry = { register: async () => 1, schema: async () => null }
  const codec = await createValueCodec(registry, createAvroCodec(), (topic) => topic)
  return createSingleReads(connection, offsets, codec)
}

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

import { expect, it } from 'vitest'
import { tellingAll } from '../../../../src/adapters/event-log/kafka/leaderless.ts'
import { brokerThatAnswers, createEncoder } from './kafkajs-protocol.ts'

const LEADER_NOT_AVAILABLE = 5
const UNKNOWN_TOPIC_OR_PARTITION = 3

/** An answer on the metadata of one topic, version 1 (Kafka's guide, "Metadata API"): partitions by their leaders. */
function metadataOf(leaders: readonly number[], topicError = 0): Buffer {
  const encoder = createEncoder().writeInt32(0).writeInt32(1).writeInt32(1).writeInt16(topicError).writeString('pairs')
  encoder.writeBuffer(Buffer.of(0)).writeInt32(leaders.length)
  leaders.forEach((leader, partition) => {
    encoder.writeInt16(leader < 0 ? LEADER_NOT_AVAILABLE : 0)
    encoder.writeInt32(partition).writeInt32(leader).writeInt32(0).writeInt32(0)
  })
  return encoder.buffer
}

const asked = (answer: Buffer) => tellingAll(brokerThatAnswers(4, answer)).metadata(['pairs'])

it('tells of all partitions although one has no leader', async () => {
  expect(await asked(metadataOf([1, -1, 2]))).toMatchObject({
    topicMetadata: [{ topic: 'pairs', partitionMetadata: [{ leader: 1 }, { leader: -1 }, { leader: 2 }] }],
  })
})

it('fails where the topic is not there', async () => {
  await expect(asked(metadataOf([], UNKNOWN_TOPIC_OR_PARTITION))).rejects.toMatchObject({
    type: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
})

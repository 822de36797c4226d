import type { Broker } from 'kafkajs'
import { readingAnswers, type Protocol } from './broker-answers.ts'

type MetadataAnswer = { readonly topicMetadata: readonly { readonly partitionMetadata: readonly object[] }[] }

/** What kafkajs has and its types leave out. */
type BrokerWithin = Broker & { metadata: (topics: string[]) => Promise<unknown> }

/**
 * The broker, which tells of partitions without a leader, which have -1 for one. kafkajs takes a single such partition, of whatever
 * topic, for a failure of the whole answer, and learns nothing of all the others.
 */
export function tellingAll(broker: Broker): BrokerWithin {
  const { metadata } = broker as BrokerWithin
  return Object.assign(broker as BrokerWithin, {
    metadata: (topics: string[]) => Reflect.apply(metadata, readingAnswers(broker, withoutPartitionErrors), [topics]),
  })
}

const withoutPartitionErrors = ({ response }: Protocol): Protocol['response'] => ({
  decode: (bytes) => response.decode(bytes),
  parse: (data) => {
    const answer = data as MetadataAnswer
    const topicMetadata = answer.topicMetadata.map((topic) => ({
      ...topic,
      partitionMetadata: topic.partitionMetadata.map((partition) => ({ ...partition, partitionErrorCode: 0 })),
    }))
    return response.parse({ ...answer, topicMetadata })
  },
})

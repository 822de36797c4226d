import { createAvroCodec } from '../../../src/adapters/event-log/avro-codec.ts'
import { frame } from '../../../src/adapters/event-log/kafka/wire-format.ts'
import type { PairPublished, Topic, TopicValues } from '../../../src/core/events.ts'
import { partitionOf } from '../../../src/core/partition.ts'
import { pairKey } from '../../../src/core/ids.ts'
import type { ForeignRecord } from '../kafka-fixture.ts'

/** A record that nobody can work on, and what is to be said of it. */
export type Poison = ForeignRecord & { readonly cause: string }

/** Where a foreign producer finds what it needs. */
export type ForeignPlace = { readonly registry: string; readonly prefix: string; readonly partitions: number }

async function schemaIdOf({ registry, prefix }: ForeignPlace, topic: Topic): Promise<number> {
  const response = await fetch(`${registry}/subjects/${prefix}${topic}-value/versions/latest`)
  return ((await response.json()) as { id: number }).id
}

/** A value with the id of a schema, as Confluent's serialisers write it. */
async function framed<T extends Topic>(place: ForeignPlace, topic: T, value: TopicValues[T]): Promise<Buffer> {
  return frame(await schemaIdOf(place, topic), createAvroCodec().encode(topic, value))
}

/** Bytes that are no value, and a value of another topic's schema. */
export async function unreadableOf(place: ForeignPlace, topic: Topic, values: TopicValues): Promise<Poison[]> {
  const other = topic === 'erasures' ? 'releases' : 'erasures'
  const common = { topic: `${place.prefix}${topic}`, cause: 'record-unreadable' }
  const { pairs } = values
  const key = topic === 'pairs' ? pairKey(pairs.imageId, pairs.pairId) : 'a key'
  const partition = topic === 'pairs' ? partitionOf(pairs.imageId, place.partitions) : 0
  return [
    { ...common, partition, key, value: Buffer.of(0xff, 0x13, 0x37) },
    { ...common, partition, key, value: Buffer.of(0, 0, 0, 0, 1) },
    { ...common, partition, key, value: await framed(place, other, values[other]) },
  ]
}

/** Records of `pairs` whose values can be read, and whose places, ids or contents do not fit. */
export async function misplacedPairs(place: ForeignPlace, pair: PairPublished): Promise<Poison[]> {
  const topic = `${place.prefix}pairs`
  const key = pairKey(pair.imageId, pair.pairId)
  const own = partitionOf(pair.imageId, place.partitions)
  const value = await framed(place, 'pairs', pair)
  const otherCaption = await framed(place, 'pairs', { ...pair, caption: 'words that yield another id' })
  const page = await framed(place, 'pairs', { ...pair, contentType: 'text/html' })
  const crowded = await framed(place, 'pairs', { ...pair, metadata: { ['name'.repeat(17)]: 'value' } })
  return [
    { topic, partition: own, key, value: page, cause: 'image-type-refused' },
    { topic, partition: own, key, value: crowded, cause: 'metadata-invalid' },
    { topic, partition: (own + 1) % place.partitions, key, value, cause: 'wrong-partition' },
    { topic, partition: (own + 1) % place.partitions, key, value: null, cause: 'wrong-partition' },
    { topic, partition: own, key, value: otherCaption, cause: 'wrong-id' },
    { topic, partition: own, key: 'no key of a pair', value, cause: 'wrong-id' },
  ]
}

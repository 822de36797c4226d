import { embedGroup } from '../../../src/core/consumer-groups.ts'
import type { Topic } from '../../../src/core/events.ts'
import { membersOf } from '../kafka-fixture.ts'
import type { Scene } from './begin.ts'
import { served } from './settle.ts'

/** How many pairs a process has encoded since it was started, as its own metrics say. */
export async function encodedBy({ crew }: Scene, name: string): Promise<number> {
  const answer = await fetch(`${crew.address(name)}/metrics`)
  return Number(/^pairstream_pairs_embedded_total (\d+)$/m.exec(await answer.text())?.[1] ?? 0)
}

/** Who consumes as a group, by the coordinator's ids, and the partitions of a topic that each was given. */
export function sharesOf({ installation }: Scene, group: string, topic: Topic) {
  const { EVENT_LOG_URL = '', KAFKA_PREFIX = '' } = installation.environment
  return membersOf([EVENT_LOG_URL.slice('kafka://'.length)], KAFKA_PREFIX + group, KAFKA_PREFIX + topic)
}

/** How many share the embedding of what serves. */
export async function embeddingMembers(scene: Scene): Promise<number> {
  const { generation } = await served(scene.address)
  return (await sharesOf(scene, embedGroup(generation), 'pairs')).size
}

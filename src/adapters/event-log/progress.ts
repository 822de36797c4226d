import type { Topic } from '../../core/events.ts'
import type { Offsets } from '../../ports/event-log.ts'
import type { GroupOffsets } from './group-offsets.ts'
import { nothing, type WriteQueue } from './write-queue.ts'

/** A partition of a topic: what is read in order, by one handler at a time. */
export type Lane<T extends Topic = Topic> = { readonly topic: T; readonly partition: number }

const laneName = ({ topic, partition }: Lane): string => `${topic}/${partition}`

/** How far a consumer has come, and which lanes are its own for the moment. */
export interface Progress<T extends Topic> {
  /** The next offset of every lane of the topic; lanes without an entry begin at the first record. */
  positions(topic: T): Offsets
  /** Takes the lane, unless it is in someone's hand. */
  claim(lane: Lane<T>): boolean
  release(lane: Lane<T>): void
  /** The lane is handled from `from` up to `next`. Resolves once that is durable, where it is kept at all. */
  advance(lane: Lane<T>, from: number, next: number): Promise<void>
}

/** The progress of a group: committed offsets, and claims that its members in this process share in `claims`. */
export function createGroupProgress<T extends Topic>(
  group: string,
  claims: Set<string>,
  offsets: GroupOffsets,
  queue: WriteQueue,
): Progress<T> {
  const claimName = (lane: Lane<T>): string => `${group}/${laneName(lane)}`
  return {
    positions: (topic) => offsets.committed(group, topic),
    claim(lane) {
      if (claims.has(claimName(lane))) return false
      claims.add(claimName(lane))
      return true
    },
    release: (lane) => void claims.delete(claimName(lane)),
    advance: ({ topic, partition }, from, next) =>
      queue.write(nothing, () => offsets.commit(group, topic, partition, from, next)),
  }
}

/** The progress of a reader that keeps its offsets itself. */
export function createTailProgress<T extends Topic>(topics: readonly T[], from: (topic: T) => Offsets): Progress<T> {
  const positions = new Map(topics.map((topic) => [topic, new Map(from(topic))]))
  const claims = new Set<string>()
  return {
    positions: (topic) => positions.get(topic) ?? new Map<number, number>(),
    claim(lane) {
      if (claims.has(laneName(lane))) return false
      claims.add(laneName(lane))
      return true
    },
    release: (lane) => void claims.delete(laneName(lane)),
    async advance({ topic, partition }, _from, next) {
      positions.get(topic)?.set(partition, next)
    },
  }
}

import type { Catalogue } from '../catalogue/catalogue.ts'
import { judgedTopics } from '../consumers/judge.ts'
import { embedGroup } from '../core/consumer-groups.ts'
import type { Topic } from '../core/events.ts'
import { viewReleases } from '../core/release-chain.ts'
import type { EventLog, Offsets } from '../ports/event-log.ts'

const topicsOf: Readonly<Record<string, readonly Topic[]>> = {
  count: ['pairs'],
  judge: judgedTopics,
  erase: ['pairs'],
  train: ['retraining.requested'],
  release: ['models.trained'],
}

const pairsAlone: readonly Topic[] = ['pairs']

export type Lag = { readonly group: string; readonly topic: Topic; readonly records: number }

/**
 * How many records each consumer group has yet to commit of each topic that it reads; that of a retired generation never will, and is
 * left out, as is one that has never committed any. Only groups of this program are asked for: the log may have others, of whoever
 * else uses it, and may not even tell of them.
 */
export async function consumerLag(log: EventLog, catalogue: Pick<Catalogue, 'releases'>): Promise<readonly Lag[]> {
  const embedding = [...viewReleases(catalogue.releases()).live.keys()].map(embedGroup)
  const reading = [...embedding.map((group) => [group, pairsAlone] as const), ...Object.entries(topicsOf)]
  // Most groups read `pairs`: its ends are asked once.
  const ends = new Map<Topic, Promise<Offsets>>()
  const endOf = (topic: Topic): Promise<Offsets> => {
    const end = ends.get(topic) ?? log.endOffsets(topic)
    ends.set(topic, end)
    return end
  }
  const lagOf = async (group: string, topics: readonly Topic[]): Promise<readonly Lag[]> => {
    const committed = await Promise.all(topics.map((topic) => log.committedOffsets(group, topic)))
    if (committed.every(({ size }) => size === 0)) return []
    return Promise.all(
      topics.map(async (topic, index) => {
        let records = 0
        for (const [partition, next] of await endOf(topic))
          records += Math.max(0, next - (committed[index]?.get(partition) ?? 0))
        return { group, topic, records }
      }),
    )
  }
  return (await Promise.all(reading.map(([group, topics]) => lagOf(group, topics)))).flat()
}

/** The same by group, over all of its topics. */
export function lagByGroup(lags: readonly Lag[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { group, records } of lags) sums[group] = (sums[group] ?? 0) + records
  return sums
}

import type { Catalogue } from '../catalogue/catalogue.ts'
import { embedGroup } from '../core/consumer-groups.ts'
import type { Topic } from '../core/events.ts'
import { viewReleases } from '../core/release-chain.ts'
import type { EventLog, Offsets } from '../ports/event-log.ts'

const topicsOf: Readonly<Record<string, Topic>> = {
  count: 'pairs',
  erase: 'pairs',
  train: 'retraining.requested',
  release: 'models.trained',
}

export type Lag = { readonly group: string; readonly topic: Topic; readonly records: number }

/** How many records each consumer group has yet to commit; that of a retired generation never will, and is left out. */
export async function consumerLag(log: EventLog, catalogue: Pick<Catalogue, 'releases'>): Promise<readonly Lag[]> {
  const lags: Lag[] = []
  const ends = new Map<Topic, Offsets>()
  const embedding = new Set([...viewReleases(catalogue.releases()).live.keys()].map(embedGroup))
  for (const group of await log.groups()) {
    const topic = embedding.has(group) ? 'pairs' : topicsOf[group]
    if (topic === undefined) continue
    // Most groups read `pairs`: its ends are asked once.
    const end = ends.get(topic) ?? (await log.endOffsets(topic))
    ends.set(topic, end)
    const committed = await log.committedOffsets(group, topic)
    let records = 0
    for (const [partition, next] of end) records += Math.max(0, next - (committed.get(partition) ?? 0))
    lags.push({ group, topic, records })
  }
  return lags
}

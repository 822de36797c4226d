import { setTimeout as delay } from 'node:timers/promises'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { startLoop } from '../consumers/loop.ts'
import { embedGroup, embedProgressGroup } from '../core/consumer-groups.ts'
import { viewReleases } from '../core/release-chain.ts'
import type { EventLog } from '../ports/event-log.ts'
import { never, type RunningRole } from './role.ts'
import type { Services } from './services.ts'

/** Time between two reports, in milliseconds: less than that between two looks of an autoscaler. */
const INTERVAL = 5_000
/** How long a report that is on its way may hold up the end, in milliseconds. */
const PATIENCE = 1_000

/**
 * Moves `embedProgressGroup` to where the slowest live generation is in each partition of `pairs`, and to the end where none is live:
 * then there is nothing to embed. Every embedding process may do so, for all come to the same; what is as it should be is left alone.
 */
export async function reportEmbedProgress({
  catalogue,
  log,
}: {
  readonly catalogue: Pick<Catalogue, 'releases'>
  readonly log: EventLog
}): Promise<void> {
  const groups = [...viewReleases(catalogue.releases()).live.keys()].map(embedGroup)
  const committed = await Promise.all(groups.map((group) => log.committedOffsets(group, 'pairs')))
  const reported = await log.committedOffsets(embedProgressGroup, 'pairs')
  // Read last, so that no offset lies past it.
  const ends = await log.endOffsets('pairs')
  const slowest = [...ends].map(
    ([partition, end]) =>
      [partition, Math.min(end, ...committed.map((offsets) => offsets.get(partition) ?? 0))] as const,
  )
  const moved = slowest.filter(([partition, next]) => reported.get(partition) !== next)
  if (moved.length > 0) await log.seekGroup(embedProgressGroup, 'pairs', new Map(moved))
}

/** Reports now and then. That it cannot is only logged: embedding does not need it. */
export function startEmbedProgress(services: Pick<Services, 'catalogue' | 'log' | 'logger'>): RunningRole {
  const loop = startLoop({
    async step() {
      await reportEmbedProgress(services)
      return false
    },
    interval: INTERVAL,
    onWake: () => () => undefined,
    onError: (error) => services.logger.warn({ err: error }, 'autoscalers could not be told how far embedding is'),
  })
  return {
    failed: never,
    async stop() {
      await Promise.race([loop.stop(), delay(PATIENCE, undefined, { ref: false })])
    },
  }
}

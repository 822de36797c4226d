import type { Effect, EffectPorts } from '../consumers/effects.ts'
import { applyEffects } from '../consumers/effects.ts'
import { run, type Handler } from '../consumers/runner.ts'
import { AppError } from '../core/errors.ts'
import type { Topic } from '../core/events.ts'
import type { Consumer } from '../ports/event-log.ts'
import type { Services } from './services.ts'

/** The ports that effects are applied to, counting what becomes searchable. */
function effectPorts({ log, index, blobs, clock, features, jobFolders, metrics, catalogue }: Services): EffectPorts {
  return {
    log,
    index,
    blobs,
    clock,
    eraseFeatures: (ids) => features.erase(ids),
    async eraseTrainingData(pairIds) {
      const erased = new Set(pairIds)
      if (await jobFolders.forget((pairId) => erased.has(pairId))) return
      throw new AppError('not-ready', 'The data of a training are being written, which may hold an erased pair.')
    },
    removeTrainingData: jobFolders.remove,
    onIndexed(pairs) {
      metrics.pairsIndexed.inc({}, pairs.length)
      // The log, not what this process serves: where roles are apart, the one that embeds serves nothing.
      const current = catalogue.currentRelease()?.generation
      for (const { generation, publishedAt, indexedAt } of pairs) {
        // A build indexes old pairs again; only what was published to be found says how fresh the index is.
        if (generation === current)
          metrics.publishToSearchableSeconds.observe({}, Math.max(0, indexedAt - publishedAt) / 1_000)
      }
    },
  }
}

/** Runs a handler over the services' ports, logging and counting what dies. */
export function runHandler<T extends Topic>(services: Services, handler: Handler<T>): Consumer {
  const { log, logger, metrics } = services
  return run(handler, {
    log,
    ports: effectPorts(services),
    events: {
      onDead(record, error) {
        metrics.recordsDead.inc({ topic: record.topic, cause: error.code })
        logger.error(
          {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            code: error.code,
            detail: error.message,
          },
          'a record is dead',
        )
      },
      onWaiting: (group, error) =>
        logger.warn({ group, code: error.code, detail: error.message }, 'waiting for a dependency'),
    },
  })
}

/** Applies effects outside a consumer: what a person or a schedule asks for. */
export const apply = (services: Services, effects: readonly Effect[]): Promise<void> =>
  applyEffects(effects, effectPorts(services))

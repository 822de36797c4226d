import { createEmbedHandler } from '../consumers/embed.ts'
import { createGenerations } from '../consumers/generations.ts'
import { startLoop } from '../consumers/loop.ts'
import type { EmbeddingKind } from '../telemetry/metrics.ts'
import { timedEncoder } from '../telemetry/timed-encoder.ts'
import { startEmbedProgress } from './embed-progress.ts'
import type { RunningRole } from './role.ts'
import { runHandler } from './run-handler.ts'
import type { Services } from './services.ts'

/** Embeds pairs into every live generation, and deletes what is retired. */
export async function startEmbedRole(services: Services): Promise<RunningRole> {
  const { catalogue, log, index, blobs, clock, config, encoders, logger, metrics } = services
  const partitions = await log.partitions('pairs')
  const observe = (kind: EmbeddingKind, seconds: number) => metrics.embeddingSeconds.observe({ kind }, seconds)
  const generations = createGenerations({
    catalogue,
    log,
    index,
    openEncoder: async (modelVersion, signal) => timedEncoder(await encoders.open(modelVersion, signal), observe),
    startEmbedding: (generation, encoder) =>
      runHandler(
        services,
        createEmbedHandler({
          generation,
          encoder,
          catalogue,
          index,
          blobs,
          partitions,
          clock,
          batch: config.EMBED_BATCH,
          onEmbedded: (pairs) => metrics.pairsEmbedded.inc({}, pairs),
        }),
      ),
    retirementDelay: config.RETIREMENT_SECONDS * 1_000,
    clock,
  })
  const loop = startLoop({
    step: generations.step,
    interval: 5_000,
    onWake: catalogue.onReleaseChange,
    onError: (error) => logger.error({ err: error }, 'generations could not be brought up to date'),
  })
  const progress = startEmbedProgress(services)
  return {
    failed: generations.failed,
    async stop() {
      // Side by side: the loop may wait for an index that is away, and the groups are left for others meanwhile.
      await Promise.all([progress.stop(), loop.stop(), generations.stop()])
    },
  }
}

import { createEmbedHandler } from '../consumers/embed.ts'
import { createGenerations } from '../consumers/generations.ts'
import { startLoop } from '../consumers/loop.ts'
import type { Encoder } from '../ports/encoder.ts'
import type { RunningRole } from './role.ts'
import { runHandler } from './run-handler.ts'
import type { Services } from './services.ts'

/** Counts and times what an encoder embeds. */
function measured(encoder: Encoder, { metrics }: Services): Encoder {
  return {
    ...encoder,
    async encodeImages(images) {
      if (images.length === 0) return []
      const start = performance.now()
      const vectors = await encoder.encodeImages(images)
      metrics.embeddingSeconds.observe({}, (performance.now() - start) / 1_000)
      return vectors
    },
    async encodeTexts(texts) {
      const vectors = await encoder.encodeTexts(texts)
      metrics.pairsEmbedded.inc({}, texts.length)
      return vectors
    },
  }
}

/** Embeds pairs into every live generation, and deletes what is retired. */
export async function startEmbedRole(services: Services): Promise<RunningRole> {
  const { catalogue, log, index, blobs, clock, config, encoders, logger } = services
  const partitions = await log.partitions('pairs')
  const generations = createGenerations({
    catalogue,
    log,
    index,
    openEncoder: async (modelVersion) => measured(await encoders.open(modelVersion), services),
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
  return {
    failed: generations.failed,
    async stop() {
      await loop.stop()
      await generations.stop()
    },
  }
}

import { setTimeout as delay } from 'node:timers/promises'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import type { Encoder } from '../../src/ports/encoder.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import type { Source } from '../../src/producers/source.ts'
import { runHandler } from '../../src/roles/run-handler.ts'
import type { Services } from '../../src/roles/services.ts'
import { timed } from './rounds.ts'

const GENERATION = 'bench'

/** The way from the log to the index: the embedding consumer over the real drivers. */
export async function createEmbedFromLog(services: Services, encoder: Encoder) {
  const { log, index, catalogue, blobs, clock, config } = services
  const partitions = await log.partitions('pairs')
  await index.create(GENERATION, encoder.dimension)

  const isDone = async (): Promise<boolean> => {
    const committed = await log.committedOffsets(embedGroup(GENERATION), 'pairs')
    return [...(await log.endOffsets('pairs'))].every(([partition, end]) => (committed.get(partition) ?? 0) >= end)
  }

  /** Publishes the source, and then gives the milliseconds until all of it is searchable and committed. */
  return async (source: Source): Promise<number> => {
    await publishSource(source, services.publisher)
    await catalogue.caughtUp(log)
    const batch = config.EMBED_BATCH
    return timed(async () => {
      const consumer = runHandler(
        services,
        createEmbedHandler({ generation: GENERATION, encoder, catalogue, index, blobs, partitions, clock, batch }),
      )
      while (!(await isDone())) await Promise.race([delay(5), consumer.done])
      await consumer.stop()
    })
  }
}
